#!/bin/sh
# Started as root, as `docker run` without --user does, versectl gives up its rights in favour of the
# owner of the folder it writes to, so that results belong to whoever owns that folder; without such a
# folder, of the owner of what it reads.
# exec: signals reach versectl itself.
set -eu
[ "$(id -u)" -eq 0 ] || exec versectl "$@"
owner=$(python3 -m versectl.cli.owner "$@")
exec setpriv --reuid "${owner%:*}" --regid "${owner#*:}" --clear-groups versectl "$@"
