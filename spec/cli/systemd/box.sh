#!/bin/sh
# Boots the machine's own systemd as PID 1 of a box: all namespaces of its own, a root that is an overlay over the
# machine's and is gone with the box, no network but loopback, and no unit but those of config/systemd. For root.
#
#   box.sh FOLDER CHECKOUT NODE
#
# FOLDER is an empty one, which the box sees as /box; CHECKOUT becomes /opt/sfu-gateway, NODE the box's node.
set -eu

if [ "${IN_BOX:-}" = "" ]; then
  # Below a control group of its own, or it would take the machine's for the root of all.
  unified=$(awk '$(NF-2) == "cgroup2" { print $5; exit }' /proc/self/mountinfo)
  group=$unified$(sed -n 's/^0:://p' /proc/self/cgroup)/sfu-gateway-spec-$$
  mkdir "$group"
  echo "$group" >"$1/group"
  echo $$ >"$group/cgroup.procs"
  exec env IN_BOX=yes unshare --fork --kill-child --pid --mount --uts --ipc --net --cgroup --propagation private \
    "$0" "$@"
fi

folder=$1 checkout=$2 node=$3 root=$1/root
mkdir "$root" "$folder/ram"
mount -t tmpfs tmpfs "$folder/ram"
mkdir "$folder/ram/upper" "$folder/ram/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/ram/upper,workdir=$folder/ram/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for place in dev run tmp; do mount -t tmpfs tmpfs "$root/$place"; done
chmod 755 "$root/dev" "$root/run"
chmod 1777 "$root/tmp"
mkdir "$root/dev/shm" "$root/dev/pts" "$root/box"
# What PrivateDevices= makes a copy of.
for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  # shellcheck disable=SC2086 # three words
  set -- $device
  mknod -m 666 "$root/dev/$1" c "$2" "$3"
done
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mkdir -p "$root/opt/sfu-gateway" "$root/usr/local/bin"
mount --bind "$folder" "$root/box"
mount --bind "$checkout" "$root/opt/sfu-gateway"
mount -o remount,bind,ro "$root/opt/sfu-gateway"
rm -f "$root/usr/local/bin/node"
touch "$root/usr/local/bin/node"
mount --bind "$node" "$root/usr/local/bin/node"
ln -sf /opt/sfu-gateway/bin/sfu-gateway "$root/usr/local/bin/sfu-gateway"

units=$root/etc/systemd/system
rm -rf "$units"
mkdir "$units"
cp "$checkout"/config/systemd/*.service "$units"
for target in sysinit basic shutdown network-online multi-user box; do
  printf '[Unit]\nDefaultDependencies=no\n' >"$units/$target.target"
done
rm -rf "$root/etc/sfu-gateway" "$root/etc/sfu-gateway-agent"

mkdir "$root/machine"
cd "$root"
pivot_root . machine
# As it is where systemd has booted a machine: what it mounts for a service has to arrive there.
mount --make-rshared /
umount -l /machine
exec env -i container=box PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH=/etc/systemd/system \
  /lib/systemd/systemd --system --unit=box.target --log-target=console --log-level=warning --show-status=no
