"""Cut the report's font from Noto Sans CJK: `python -m reports.fonts.cut` rewrites the files beside this one.

Needs fonttools and the Debian package fonts-noto-cjk (2.004). The same source gives the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from fontTools.subset import Options, Subsetter  # type: ignore[import-untyped]  # ships no types
from fontTools.ttLib import TTCollection, TTFont  # type: ignore[import-untyped]  # ships no types

FOLDER = Path(__file__).parent
SOURCE = Path("/usr/share/fonts/opentype/noto")
FAMILY = "Parkwatt Sans"
SIMPLIFIED_CHINESE = "Noto Sans CJK SC"
# Hanzi beyond GB 2312 that names of people and places use.
NAMES = (
    "堃喆垚犇玥珺璟昇翀旻昉晞暕曌朤栞棪淏湉湦滢潆烜煊燚燊琤瑀璠甯畇皞祎禛竑翯翾芃赟赪鋆韫頔飏骉鹍"
    "垟滘漖滧鄠浐沨洣滆塱埗塆堉坜圫垵峣崚嵊岽嶂楯槜滍濛灏炆煐璘瓯瑢甪畲硚碶碁磡礐禤笪筻篢艚莨蓢"
)
# Seconds since 1904: fixed, so that two runs give the same file.
MODIFIED = 3_800_000_000
ENGLISH = 0x409


def characters() -> set[int]:
    """Return the code points a report may show.

    GB 2312 levels 1 and 2 (6763 hanzi) with its symbol rows, some hanzi of names, ASCII, Latin-1, Latin Extended-A, Greek, punctuation,
    super- and subscripts, arrows, mathematical operators, shapes, CJK punctuation and fullwidth forms.
    """
    blocks = (
        (0x20, 0x7E),
        (0xA0, 0x17F),
        (0x391, 0x3C9),
        (0x2010, 0x205E),
        (0x2070, 0x209C),
        (0x20AC, 0x20AC),
        (0x2100, 0x214F),
        (0x2190, 0x21FF),
        (0x2200, 0x22FF),
        (0x2460, 0x2473),
        (0x25A0, 0x25FF),
        (0x2605, 0x2606),
        (0x2713, 0x2717),
        (0x3000, 0x303F),
        (0x3380, 0x33DF),
        (0xFF01, 0xFFE6),
    )
    found = {c for first, last in blocks for c in range(first, last + 1)}
    return found | set(_gb2312()) | {ord(c) for c in NAMES}


def _gb2312() -> Iterator[int]:
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            try:
                yield ord(bytes((row, cell)).decode("gb2312"))
            except UnicodeDecodeError:
                continue


def cut(weight: str, source: Path) -> set[int]:
    """Write one weight and return the code points it shows."""
    collection = TTCollection(source / f"NotoSansCJK-{weight}.ttc")
    font = next(f for f in collection.fonts if str(f["name"].getDebugName(4)).startswith(SIMPLIFIED_CHINESE))
    options = Options()
    options.layout_features = ["kern", "ccmp", "mark", "mkmk"]
    options.hinting = False
    options.desubroutinize = False
    options.notdef_outline = True
    options.name_IDs = ["*"]
    options.drop_tables += ["VORG", "vhea", "vmtx", "BASE"]
    options.recalc_timestamp = False
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)
    _rename(font, weight)
    font["head"].modified = MODIFIED
    font.recalcTimestamp = False
    font.save(FOLDER / f"ParkwattSans-{weight}.otf")
    return set(font.getBestCmap())


def _rename(font: TTFont, weight: str) -> None:
    """Give the cut its own name, as the licence asks of a modified version; copyright and licence stay."""
    post_script = f"ParkwattSans-{weight}"
    table = font["name"]
    table.names = [n for n in table.names if n.nameID in (0, 5, 7, 8, 9, 10, 11, 13, 14) and n.langID == ENGLISH]
    names = {1: FAMILY, 2: weight, 3: f"{post_script};cut from Noto Sans CJK SC 2.004", 4: f"{FAMILY} {weight}"}
    for number, name in (names | {6: post_script}).items():
        table.setName(name, number, 3, 1, ENGLISH)
    top = font["CFF "].cff
    top.fontNames = [post_script]
    top.topDictIndex[0].FamilyName = FAMILY
    top.topDictIndex[0].FullName = f"{FAMILY} {weight}"


def ranges(points: set[int]) -> Iterator[str]:
    """Yield runs of code points as `4E00-4E03`."""
    run: list[int] = []
    for point in sorted(points):
        if run and point != run[-1] + 1:
            yield f"{run[0]:04X}-{run[-1]:04X}"
            run = []
        run = [run[0], point] if run else [point]
    if run:
        yield f"{run[0]:04X}-{run[-1]:04X}"


def main() -> None:
    """Cut both weights; what both can show is written to characters.txt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=SOURCE, help="folder of NotoSansCJK-{Regular,Bold}.ttc")
    source = parser.parse_args().source
    shown = cut("Regular", source) & cut("Bold", source)
    (FOLDER / "characters.txt").write_text("\n".join(ranges(shown)) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
