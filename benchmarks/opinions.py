"""Another system's answers as labels that `onlooker train --opinions` reads: file, a class of ages, a gender.

    python benchmarks/opinions.py PEERS.csv fairface > fairface.csv

PEERS.csv has the columns ``file``, ``NAME_age_low``, ``NAME_age_high`` and ``NAME_gender``, as `onlooker audit --peers`
reads them. A face that the system did not answer is left out.
"""

import argparse
import csv
import sys
from pathlib import Path

from onlooker.core.demographics import N_AGES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", type=Path)
    parser.add_argument("name")
    options = parser.parse_args()
    low, high, gender = (f"{options.name}_{column}" for column in ("age_low", "age_high", "gender"))
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["file", "age", "gender"])
    with options.peers.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row[low] and row[gender]:
                first, last = int(float(row[low])), int(float(row[high]))
                out.writerow([row["file"], f"{first}+" if last >= N_AGES else f"{first}-{last}", row[gender].lower()])


if __name__ == "__main__":
    main()
