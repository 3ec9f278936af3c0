"""Results -> what their figures prove and what they do not, in sentences for the report."""

from dataclasses import dataclass

from dpm_flower.studies.results import Results
from dpm_flower.studies.rows import MEAN, named_seeds

FEW_SEEDS = 3  # below it a standard deviation says next to nothing


@dataclass(frozen=True, slots=True)
class Reading:
    """Sentences, each complete by itself: what the figures show, and what must not be read into them."""

    shows: tuple[str, ...]
    does_not_show: tuple[str, ...]


def reading_of(results: Results) -> Reading:
    """Results -> their honest reading; sentences appear only where the results call for them."""
    return Reading(_shows(results), _does_not_show(results))


def _shows(results: Results) -> tuple[str, ...]:
    sentences = [
        f"Every top-1 is measured on raw images that nobody trained on, for {named_seeds(results.seeds)}. It proves what these "
        "networks, trained with these settings on these images, do; other data or longer training may order the arms differently."
    ]
    if any(row.trivial is not None for row in results.rows):
        sentences.append("An arm that does not rise above the most frequent class has learnt nothing of the task.")
    if any(gain.value is not None for gain in results.gains):
        sentences.append(
            "Gain kept compares arms on the same test images: 0\u00a0% is no better than an entity's own data, 100\u00a0% as good as "
            "sharing raw features, or raw images where networks are trained on images. An interval that contains 0\u00a0% does not "
            "show that the exchange was worth anything."
        )
    return tuple(sentences)


def _does_not_show(results: Results) -> tuple[str, ...]:
    sentences = []
    if any("ssim_p" in row.figures for row in results.rows):
        sentences.append(
            "The public reconstructor is the weakest attacker: poisoning is trained against this very network. A low SSIM here does not "
            "prove that nothing leaks. Attackers who train networks of their own, know pairs of image and features, or only ask "
            "whether a known image is among the released ones, are not in this table."
        )
        sentences.append(
            "SSIM is sign-aware (the better of the reconstruction and its negative) and a mean over images: single images can be "
            "disclosed better than the mean says. Labels of released features are visible to all peers in any case."
        )
    if any(gain.value is None for gain in results.gains):
        sentences.append(
            "Where gain kept is not measurable, the figures do not say that an arm keeps nothing: raw data themselves gained too "
            "little to tell, a reference is missing, or entities are judged on different images."
        )
    if results.facts.brought:
        sentences.append(
            f"{', '.join(results.facts.brought)} brought images and are judged on test images of their own: only the arms of one entity "
            "compare with each other, and a mean over entities is one over different tests."
        )
    if len(results.seeds) < FEW_SEEDS:
        sentences.append(
            f"With {len(results.seeds)} seed{'s' if len(results.seeds) > 1 else ''}, differences between arms may be chance: three seeds "
            "or more are needed for a spread."
        )
    sentences += _gaps(results)
    sentences.append("Seconds and memory belong to this machine and this run; they are no property of the method.")
    if any("memory_bytes" in cell.costs for cell in results.cells):
        sentences.append(
            "Peak memory is the most that was resident in a process while it answered one message. In a simulation a process answers for "
            "many entities, so that it also holds what an earlier message left there, and the libraries themselves."
        )
    return tuple(sentences)


def _gaps(results: Results) -> tuple[str, ...]:
    """What should be in the table and is not: accuracies of receivers, and where nobody trains figures of releases."""
    sentences = []
    for trained, key, what in ((True, "top1", "top-1"), (False, "ssim_p", "figures of a release")):
        places = {(row.arm, row.entity) for row in results.rows if row.trained == trained and row.entity != MEAN}
        cells = [cell for cell in results.cells if (cell.arm, cell.entity) in places]
        if lacking := sum(key not in cell.quality for cell in cells):
            sentences.append(
                f"{lacking} of {len(cells)} cells (seed, arm, entity) have no {what}; the table says why. A {MEAN!r} leaves out seeds "
                "in which one of its entities is missing."
            )
    return tuple(sentences)
