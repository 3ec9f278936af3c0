"""What follows from the figures of several trials with encrypted images, in plain sentences."""

from statistics import mean, stdev

from dpm_flower.core.comparison import Conclude, Figures


def gap(better: str, worse: str) -> Conclude:
    """Two trials -> how far their accuracies lie apart, seed by seed: mean and sample standard deviation in points."""

    def sentence(figures: Figures) -> tuple[str, ...]:
        gaps = [
            100 * (own["top1"] - figures[worse, seed]["top1"])
            for (trial, seed), own in figures.items()
            if trial == better and "top1" in own and "top1" in figures.get((worse, seed), {})
        ]
        if not gaps:
            return ()
        spread = f" ± {stdev(gaps):.2f}, {len(gaps)} seeds" if len(gaps) > 1 else ", one seed"
        return (f"top-1 of {better} minus {worse}: {mean(gaps):+.2f}{spread} (points, seed by seed).",)

    return sentence


def above_chance(trial: str, key: str, *, what: str) -> Conclude:
    """A trial and a share that has a `key`_chance beside it -> how often as great as chance it is."""

    def sentence(figures: Figures) -> tuple[str, ...]:
        found = [(own[key], own[f"{key}_chance"]) for (name, _), own in figures.items() if name == trial and f"{key}_chance" in own]
        if not found:
            return ()
        share, chance = (mean(values) for values in zip(*found, strict=True))
        return (f"{what} of {trial}: {100 * share:.1f} %, by chance {100 * chance:.1f} %.",)

    return sentence


def together(*parts: Conclude) -> Conclude:
    """Several -> one that says all that they say."""
    return lambda figures: tuple(sentence for part in parts for sentence in part(figures))
