"""What very many photographs cost, on paper, before a machine is rented."""

from __future__ import annotations

import math
from dataclasses import dataclass

# results/photographs.json, "each", rounded: seconds of one core, bytes of a JPEG, bytes
# of all five files kept, of DRIVE's photographs (565 x 584) and of these enlarged to an
# eye 2000 pixels high (3000 x 2000).
SMALL = {"seconds_each": 0.52, "bytes_each": 79_000, "kept_bytes_each": 510_000}
LARGE = {"seconds_each": 1.8, "bytes_each": 550_000, "kept_bytes_each": 4_200_000}
# A shard writes its table anew for each photograph: 0.05 s each on average for so many,
# five times that for five times as many.
SHARD = 2000  # photographs


@dataclass(frozen=True)
class Plan:
    """What a run needs.

    hours : from start to end, all cores busy; core_hours : what is paid for; computing,
    storage : money, in the currency of the prices; terabytes : photographs and results,
    of 10 ** 12 bytes; shards : so many that none is much larger than SHARD.
    """

    hours: float
    core_hours: float
    computing: float
    storage: float
    terabytes: float
    shards: int


def photographs(
    count: int = 1_000_000,
    cores: int = 64,
    *,
    seconds_each: float = LARGE["seconds_each"],
    bytes_each: float = LARGE["bytes_each"],
    kept_bytes_each: float = LARGE["kept_bytes_each"],
    price_per_core_hour: float = 0.05,
    price_per_terabyte_month: float = 20.0,
    months: float = 1.0,
) -> Plan:
    """Plan ``count`` photographs on ``cores``, one process with one thread a core.

    ``seconds_each`` are of one core. ``**SMALL`` puts in the numbers of DRIVE's
    photographs; measure ten of your own. The prices are round numbers: look yours up.
    ``months`` : how long photographs and results are kept. ValueError where a number
    is negative, or there is no photograph or no core.
    """
    given = {
        "count": count, "cores": cores, "seconds_each": seconds_each,
        "bytes_each": bytes_each, "kept_bytes_each": kept_bytes_each,
        "price_per_core_hour": price_per_core_hour,
        "price_per_terabyte_month": price_per_terabyte_month, "months": months,
    }  # fmt: skip
    for name, value in given.items():
        least = 1 if name in ("count", "cores") else 0
        if not least <= value < math.inf:
            raise ValueError(f"{name} is {value}: it must be at least {least}")
    core_hours = count * seconds_each / 3600
    terabytes = count * (bytes_each + kept_bytes_each) / 1e12
    computing = core_hours * price_per_core_hour
    storage = terabytes * price_per_terabyte_month * months
    shards = math.ceil(count / SHARD)
    hours = core_hours / cores
    return Plan(hours, core_hours, computing, storage, terabytes, shards)
