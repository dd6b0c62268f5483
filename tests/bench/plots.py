# SPDX-License-Identifier: MIT
"""Plots of what was measured, by gnuplot."""

import statistics
import subprocess

STYLE = """set terminal svg size {width},{height} font "sans,12" background "white"
set output "{out}"
set border 3
set tics nomirror
set grid y
"""


def _gnuplot(script):
    try:
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as e:
        print(f"bench: no plot: {e}")


def ratios(data, out):
    """How many times as good as Linux: a group of bars a figure, a bar a NIC and CPU number."""
    series = [s for s in data if all(v["times_as_good"] for v in data[s].values())]
    if not series:
        return
    figures = list(data[series[0]])
    script = STYLE.format(width=1000, height=480, out=out)
    script += 'set title "Sluice beside Linux: times as good (1 = the same)"\n'
    script += "set style data histogram\nset style histogram clustered gap 1\n"
    script += "set style fill solid 0.8\nset logscale y 2\nset xtics rotate by -20\n"
    script += "$data << EOD\nfigure " + " ".join(f'"{s}"' for s in series) + "\n"
    for figure in figures:
        row = " ".join(f"{data[s][figure]['times_as_good']:.3f}" for s in series)
        script += f'"{figure}" {row}\n'
    script += "EOD\nplot " + ", ".join(
        f"$data using {i + 2}:xtic(1) title columnheader({i + 2})" for i in range(len(series))
    )
    _gnuplot(script + ", 1 with lines lc 'black' notitle\n")


def boots(data, out):
    """Milliseconds to the first 200, a bar a machine."""
    script = STYLE.format(width=640, height=400, out=out)
    script += 'set title "QEMU start to first HTTP 200, ms (median)"\n'
    script += "set style fill solid 0.8\nset boxwidth 0.6\nset logscale y\n$data << EOD\n"
    for i, (name, values) in enumerate(data.items()):
        script += f'{i} "{name}" {statistics.median(values["first_200_ms"]):.1f}\n'
    _gnuplot(script + "EOD\nplot $data using 1:3:xtic(2) with boxes notitle\n")
