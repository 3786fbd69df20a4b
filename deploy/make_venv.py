"""Make the virtual environment that `make run` and `make test` use, or say what is missing.

Run by whatever Python the machine calls python3; needs nothing but its standard library.
"""

import glob
import os
import shutil
import subprocess
import sys

NEEDED = (3, 11)


def candidates():
    """Yield interpreters, the one running this first."""
    yield sys.executable
    for minor in (14, 13, 12, 11):
        found = shutil.which("python3.%d" % minor)
        if found:
            yield found
    for found in sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.1[1-9]*/bin/python3")), reverse=True):
        yield found


def works(python, code):
    """Say whether `python` runs `code`."""
    return (
        subprocess.run(
            [python, "-c", code], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )


def main(target):
    """Make `target` with the first interpreter that is new enough."""
    fresh = [p for p in candidates() if works(p, "import sys; sys.exit(sys.version_info < %r)" % (NEEDED,))]
    if not fresh:
        sys.exit(
            "Parkwatt needs Python %d.%d or newer; this machine's python3 is %s." % (*NEEDED, sys.version.split()[0])
        )
    python = fresh[0]
    if not works(python, "import ensurepip, venv") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing python3-venv ...", flush=True)
        subprocess.call(["apt-get", "update", "-qq"])
        subprocess.call(["apt-get", "install", "-y", "-qq", "python3-venv"], stdout=subprocess.DEVNULL)
    if works(python, "import ensurepip, venv"):
        sys.exit(subprocess.call([python, "-m", "venv", target]))
    if works(python, "import virtualenv"):
        sys.exit(subprocess.call([python, "-m", "virtualenv", "-q", target]))
    if shutil.which("uv"):
        sys.exit(subprocess.call(["uv", "venv", "-q", "--seed", "--python", python, target]))
    sys.exit("Python's venv module is not complete here. As root: apt-get install python3-venv")


if __name__ == "__main__":
    main(sys.argv[1])
