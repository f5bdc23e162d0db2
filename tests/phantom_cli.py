"""The command line with the phantom's networks, as a program of its own."""

from phantoms import Phantoms

from versectl.cli import main as cli
from versectl.networks import loading

if __name__ == "__main__":
    loading.Models = lambda *_settings: Phantoms()
    cli.main()
