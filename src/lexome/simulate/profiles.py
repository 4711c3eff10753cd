"""Sequencing runs to imitate: the device's converter, the sampling rate and the speed of the DNA."""

from dataclasses import dataclass

from lexome.core.errors import UsageError, nearest


@dataclass(frozen=True)
class Profile:
    """One kind of run.

    A current of `range_pa` fills the `digitisation` steps of the converter: pA = range_pa / digitisation *
    (raw + offset). The offset differs from channel to channel. `flow_cell_product_code` says which pore it
    stands for; `levels` is the bundled k-mer table of that pore, None where there is none and the user has to
    bring one.
    """

    name: str
    digitisation: int
    sample_rate_hz: int
    range_pa: float
    offset_mean: float
    offset_sd: float
    open_pore_pa: float
    open_pore_sd_pa: float
    dwell_mean_samples: float
    channels: int
    levels: str | None
    flow_cell_product_code: str

    @property
    def scale(self) -> float:
        """Picoampere per step of the converter."""
        return self.range_pa / self.digitisation


# The constants of the converter and of the speed are those that squigulator publishes for these runs.
PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "dna-r9-min", 8192, 4000, 1443.03, 13.72, 10.25, 200.8, 20.5, 9.0, 512, "r9.4.1", "FLO-MIN106"
        ),
        Profile(
            "dna-r9-prom", 2048, 4000, 748.58, -237.4, 14.16, 214.3, 18.0, 9.0, 3000, "r9.4.1", "FLO-PRO002"
        ),
        Profile("dna-r10-min", 8192, 5000, 1536.6, 13.38, 16.31, 202.2, 13.4, 13.0, 512, None, "FLO-MIN114"),
        Profile(
            "dna-r10-prom", 2048, 5000, 281.35, -127.6, 19.4, 189.9, 15.8, 13.0, 3000, None, "FLO-PRO114M"
        ),
    )
}


def get_profile(name: str) -> Profile:
    """Looks up a profile by name.

    Raises:
        UsageError: if there is no such profile; names the ones there are.
    """
    if name not in PROFILES:
        raise UsageError(f"no simulation profile '{name}'; {nearest(name, PROFILES)}")
    return PROFILES[name]
