# shellcheck shell=bash
# Starting and ending daemons by pid file. Sourced by openstack-lab.

say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }
die() { echo "openstack-lab: $*" >&2; exit 1; }

# The environment of every child: only the system's Python, no proxy, no cloud.
clean_env() {
  unset PYTHONHOME PYTHONPATH VIRTUAL_ENV PYENV_VERSION PYENV_ROOT \
        http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
  local v; for v in $(compgen -v | grep '^OS_'); do unset "$v"; done
  export PATH=/usr/sbin:/usr/bin:/sbin:/bin no_proxy='*' NO_PROXY='*'
  export PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore
}

start_time() { # PID -> when it started; tells it from a later process of the same number
  sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

alive() { # NAME -> is the process of that pid file ours and running?
  local f=$RUN/$1.pid pid st
  [ -s "$f" ] || return 1
  read -r pid st <"$f"
  [ -r "/proc/$pid/stat" ] || return 1
  [ "$(start_time "$pid")" = "$st" ]
}

start() { # NAME CMD...   (a session of its own, so that `down` can end its children)
  local name=$1; shift
  alive "$name" && return 0
  (
    # A daemon must hold no file of its caller, such as a lock.
    for fd in "/proc/$BASHPID/fd/"*; do
      fd=${fd##*/}
      [ "$fd" -le 2 ] || eval "exec $fd>&-"
    done
    exec setsid "$@"
  ) >>"$LOG/$name.log" 2>&1 </dev/null &
  local pid=$!
  disown "$pid" 2>/dev/null
  sleep 0.05
  echo "$pid $(start_time "$pid")" >"$RUN/$name.pid"
}

stop() { # NAME [TENTHS OF A SECOND]
  local name=$1 pid i
  if alive "$name"; then
    read -r pid _ <"$RUN/$name.pid"
    kill -TERM "$pid" 2>/dev/null
    for i in $(seq 1 "${2:-60}"); do alive "$name" || break; sleep 0.1; done
    kill -KILL -- "-$pid" 2>/dev/null    # what is left of its own session
    [ -z "${OSLAB_TRACE:-}" ] || say "stopped $name"
  fi
  rm -f "$RUN/$name.pid"
}

wait_for() { # SECONDS NAME CMD...   (NAME: the daemon whose log is shown on failure)
  local t=$1 name=$2; shift 2
  local end=$((SECONDS + t))
  until "$@" >/dev/null 2>&1; do
    if ! alive "$name"; then show_log "$name"; die "$name has died; see $LOG/$name.log"; fi
    if [ $SECONDS -ge $end ]; then show_log "$name"; die "$name not ready after ${t}s; see $LOG/$name.log"; fi
    sleep 0.3
  done
}

show_log() { tail -n 20 "$LOG/$1.log" >&2; }

http_up() { # URL: any HTTP answer under 500
  local c; c=$(curl -s -o /dev/null -m 5 -w '%{http_code}' "$1") && [ "$c" -ge 200 ] && [ "$c" -lt 500 ]
}

port_open() { (exec 3<>"/dev/tcp/$H/$1") 2>/dev/null; }

done_once() { [ -e "$STAMP/$1" ]; }
mark() { : >"$STAMP/$1"; }
