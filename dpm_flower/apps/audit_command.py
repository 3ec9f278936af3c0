"""`dpm-flower audit`: a site file -> what its own releases tell, as a table and as a page for the owner; attacked anew if asked."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dpm_flower.apps.audit_again import Again, attack_again, recorded
from dpm_flower.apps.refusal import exit_code
from dpm_flower.core.errors import PolicyError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.regime.audit import Audit
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_file import read_site_file
from dpm_flower.regime.site_policy import HEADLINE, SitePolicy
from dpm_flower.studies.leakage_report import fraction_text, leakage_html, sentence
from dpm_flower.studies.own_audits import OwnAudit, audits_folder, latest_campaign, own_audits

PAGE = "leakage.html"


def audit(site_path: Path, campaign: str, again: Again | None) -> int:
    """A site file, a campaign or "" for the last, and how to attack anew, or None to show what was found -> the exit code.

    It is 1 too where attackers of today exceed a limit that the site's policy has; what they found is shown all the same.
    """

    def work() -> None:
        site_file = read_site_file(site_path)
        site = Site(site_file.folder)
        named = campaign or latest_campaign(site)
        anew = attack_again(site_path, named, again) if again else []
        _show(site, named, Console())
        _check(site_file.policy, anew)

    return exit_code(work)


def _show(site: Site, campaign: str, console: Console) -> None:
    """Prints a campaign's audits and what was signed of them, and writes the page. Raises PoolError for a damaged record at the end."""
    audits = own_audits(site, campaign)
    for one in audits:
        console.print(_table(one))
        console.print(f"{sentence(one.leakage)} {one.leakage.proves}\n", soft_wrap=True)
    page = audits_folder(site, campaign) / PAGE
    with whole_file(page, 0o700) as partial:
        partial.touch(0o600)  # it shows own images
        partial.write_text(leakage_html(audits), encoding="utf-8")
    console.print(f"page with own images, for the owner's eyes: {page}", soft_wrap=True)
    for one in audits:
        if not one.again:
            console.print(f"{one.leakage.method}, {_signed(site, campaign, one)}", soft_wrap=True)


def _signed(site: Site, campaign: str, first: OwnAudit) -> str:
    """What the envelope says of the audit that a release left under, in words."""
    record = site.contribution(campaign, "").with_name(f"{first.release}.json")
    if not record.exists():
        return "nothing was signed: no release left"
    scores = recorded(record)[1].audit
    return f"signed: {HEADLINE} {scores[HEADLINE]:.2f}" if HEADLINE in scores else f"signed: no {HEADLINE}"


def _check(policy: SitePolicy, anew: Sequence[Audit]) -> None:
    """Raises PolicyError with all releases whose new audits exceed a limit."""
    beyond = []
    for one in anew:
        try:
            policy.check_again(one.scores)
        except PolicyError as err:
            beyond.append(f"{one.leakage.method}, attacked again: {err}")
    if beyond:
        raise PolicyError("; ".join(beyond))


def _table(audit: OwnAudit) -> Table:
    leakage = audit.leakage
    table = Table(title=f"{audit.title}: {leakage.images} images released", title_justify="left")
    for head in ("attack", "knows", "disclosed, mean", "95th percentile", "s"):
        table.add_column(head)
    for one in leakage.attacks:
        name = one.name if one.in_headline else f"{one.name} (beside)"
        table.add_row(name, one.knows, fraction_text(one.mean), fraction_text(one.p95), f"{one.seconds:.0f}")
    for link in leakage.links:
        table.add_row(
            link.name,
            f"{link.knows}, {link.candidates}",
            f"{'stands out' if link.members else 'rank-1'} {100 * link.release:.2f} %",
            f"chance {100 * link.chance:.2f} %",
            f"{link.seconds:.0f}",
        )
    for found in leakage.inferences:
        told, anchors = "not applicable", ""
        if found.attributes:
            told, anchors = f"AUC {found.mean('auc_release'):.2f}", f"label {found.mean('auc_label'):.2f}, raw {found.mean('auc_raw'):.2f}"
        table.add_row(found.name, f"{found.knows}, {len(found.attributes)}", told, anchors, f"{found.seconds:.0f}")
    table.add_section()
    table.add_row("headline", "", fraction_text(leakage.mean), fraction_text(leakage.p95), f"{leakage.seconds:.0f}")
    return table
