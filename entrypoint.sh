#!/bin/sh
# exec: signals reach versectl itself.
exec versectl "$@"
