# shellcheck shell=bash
# What Debian packages the lab needs. Sourced by openstack-lab.

# Only libraries: the daemons are started by hand, so the -api/-common
# packages (debconf, dbconfig-common, init scripts, /etc) are not needed.
PACKAGES=(
  python3-keystone python3-glance python3-placement python3-nova
  python3-neutron python3-cinder python3-pymysql
  python3-fixtures python3-testtools python3-ddt
  uwsgi-core uwsgi-plugin-python3
  mariadb-server-core mariadb-client-core
  rabbitmq-server python3-openstackclient
  curl procps openssh-client
)

missing_packages() {
  comm -23 <(printf '%s\n' "${PACKAGES[@]}" | sort) \
    <(dpkg-query -W -f '${Package} ${Status}\n' "${PACKAGES[@]}" 2>/dev/null | sed -n 's/ install ok installed$//p' | sort)
}

apt_install() { # PACKAGE...
  local opt=(-y -q --no-install-recommends -o Dpkg::Options::=--force-confdef
             -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0
             -o DPkg::Lock::Timeout=300)
  export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true \
         UCF_FORCE_CONFOLD=1 NEEDRESTART_MODE=a RUNLEVEL=1
  # a fresh machine has no package lists, an old one stale ones
  apt-get "${opt[@]}" install "$@" || { apt-get -q update && apt-get "${opt[@]}" install "$@"; }
}

install_packages() {
  local need made='' rc
  mapfile -t need < <(missing_packages)
  [ ${#need[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die 'this lab is made of Debian packages, and there is no apt-get here'
  [ "$(id -u)" = 0 ] || die "must be root to install ${need[*]}"
  say "installing ${#need[@]} packages and their dependencies"
  # No daemon may be started by a postinst. Keep the machine's own
  # policy-rc.d if there is one; put ours for the time only.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; made=1
  fi
  ( apt_install "${need[@]}" ) >"$LOG/apt.log" 2>&1 </dev/null
  rc=$?
  [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d
  [ $rc -eq 0 ] || { tail -n 20 "$LOG/apt.log" >&2; die "apt-get failed; see $LOG/apt.log"; }
  say 'packages installed'
}
