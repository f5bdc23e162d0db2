"""python -m versectl."""

from versectl.cli.main import main

if __name__ == "__main__":
    main(prog_name="versectl")
