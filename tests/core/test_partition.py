import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.core.partition import LEAST_HELD, ByClass, ByColumn, Dealt, Dirichlet, Iid, Shares, entities, public_share


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"entities": ()}, "at least one entity"),
        ({"entities": [("a", 0.5)]}, r"entities must be made of tuples, texts and numbers, got \[\('a', 0.5\)\]"),
        ({"entities": (["a", 0.5],)}, "entities must be made of tuples"),
        ({"public_classes": [1, 2]}, r"public_classes must be made of tuples, texts and numbers, got \[1, 2\]"),
        ({"entities": (("a", 0.1), ("a", 0.2))}, "different names"),
        ({"entities": (("", 0.1),)}, "an entity's name"),
        ({"entities": (("-", 0.1),)}, "an entity's name"),
        ({"entities": (("a/b", 0.1),)}, "an entity's name"),
        ({"entities": (("ä", 0.1),)}, "an entity's name"),
        ({"entities": (("a", 0.0),)}, "shares must be > 0"),
        ({"entities": (("a", float("nan")),)}, "shares must be > 0"),
        ({"entities": (("a", 0.6), ("b", 0.5))}, "at most 1"),
        ({"public": 0.0}, "public must be a share"),
        ({"public": float("nan")}, "public must be a share"),
        ({"public": 1.1, "public_classes": (1,)}, "public must be a share"),
        ({"public_classes": 0}, r"how many \(at least 1\), got 0"),
        ({"validation": 0.0}, "validation must lie"),
        ({"validation": 1.0}, "validation must lie"),
    ],
)
def test_shares_that_cannot_be_dealt_are_refused(settings, reason):
    with pytest.raises(SettingError, match=reason):
        Shares(**({"entities": (("a", 0.5),)} | settings))


def test_names_keep_the_order_of_the_partition_numbers():
    assert Shares(entities=(("z", 0.1), ("a-1", 0.2), ("m", 0.3))).names == ("z", "a-1", "m")


@pytest.mark.parametrize("name", ["M", "-a", "a-", "a_b", "a.b", "", "a" * 64, "ä"])
def test_a_name_that_no_certificate_can_bear_is_refused(name):
    with pytest.raises(SettingError, match="lower-case letters"):
        Shares(entities=((name, 0.1),))


def test_shares_may_add_up_to_everything_despite_rounding():
    tenths = tuple((f"e{number}", 0.1) for number in range(10))
    assert sum(share for _, share in tenths) != 1.0
    assert len(Shares(entities=tenths).names) == 10
    with pytest.raises(SettingError, match="add up to at most 1"):
        Shares(entities=(*tenths, ("one-more", 1e-6)))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"names": ()}, "at least one entity"),
        ({"names": ["a", "b"]}, r"names must be made of tuples, texts and numbers, got \['a', 'b'\]"),
        ({"deal": ByColumn(column=["ward"])}, "deal must be made of tuples"),
        ({"names": ("a", "a")}, "different names"),
        ({"names": ("a b",)}, "an entity's name"),
        ({"names": "abc"}, "a tuple of names, got the text 'abc'"),
        ({"deal": Iid}, "deal must be Iid"),
        ({"deal": "iid"}, "deal must be Iid"),
        ({"private": 0.0}, "private must be a share"),
        ({"private": 1.1}, "private must be a share"),
        ({"validation": 1.0}, "validation must lie"),
        ({"public_classes": -2}, "at least 1"),
    ],
)
def test_what_cannot_be_dealt_is_refused(settings, reason):
    with pytest.raises(SettingError, match=reason):
        Dealt(**({"names": ("a", "b"), "deal": Iid()} | settings))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: Dirichlet(alpha=0.0), "alpha must be > 0"),
        (lambda: Dirichlet(alpha=float("nan")), "alpha must be > 0"),
        (lambda: Dirichlet(alpha=float("inf")), "alpha must be > 0 and finite"),
        (lambda: Dirichlet(alpha=1.0, least=LEAST_HELD - 1), "least must be at least 3"),
        (lambda: ByClass(classes=0), "classes must be at least 1"),
        (lambda: ByColumn(column=""), "must name a column"),
    ],
)
def test_knobs_of_a_deal_are_checked(made, reason):
    with pytest.raises(SettingError, match=reason):
        made()


def test_many_entities_are_named_in_one_order():
    assert entities(3) == ("e1", "e2", "e3")
    names = entities(100, prefix="site-")
    assert (names[0], names[-1], len(set(names))) == ("site-001", "site-100", 100)
    assert list(names) == sorted(names)
    assert Dealt(names=names, deal=Iid()).names == names


def test_public_means_a_share_of_all_images_or_of_the_public_classes():
    shares = {"entities": (("a", 0.5),)}
    assert public_share(Shares(**shares)) == 0.2
    assert public_share(Shares(**shares, public_classes=(0,))) == 1.0
    assert public_share(Shares(**shares, public_classes=2, public=0.3)) == 0.3
