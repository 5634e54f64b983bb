#!/bin/sh
# The init of a machine: run as process 1 of new mount, network, process, IPC and UTS namespaces.
#   machine-boot.sh ROOT HOSTNAME CHECKOUT CHECKOUT_INSIDE
# Makes ROOT the root directory, says "ready", and reaps orphans until it is killed.
set -eu
root=$1 hostname=$2 checkout=$3 inside=$4
hostname "$hostname"
mount --bind "$root" "$root"

read_only() {
  mount --rbind "$1" "$root$2"
  mount -o bind,remount,ro "$root$2"
}
# Debian has links into /usr where older systems have directories.
for directory in /usr /bin /sbin /lib /lib32 /lib64 /libx32; do
  [ ! -d "$directory" ] || [ -L "$directory" ] || read_only "$directory" "$directory"
done
read_only "$checkout" "$inside"
read_only "$checkout" "$checkout"
mount --rbind /dev "$root/dev"
# PostgreSQL keeps shared memory here; one that was killed must not leave it behind on this computer.
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
# An sshd that is not root listens on port 22 all the same.
echo 0 >"$root/proc/sys/net/ipv4/ip_unprivileged_port_start"

cd "$root"
pivot_root . .outside
cd /
umount -l /.outside
echo ready
# While the shell waits for a command it reaps every child, those that lost their parent too.
while :; do
  sleep 86400
done
