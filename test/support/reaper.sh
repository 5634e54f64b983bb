#!/bin/sh
# Ends everything that one stand made once its standard input ends: when the stand is closed, and just the same when
# the test process was killed. It is told, one line each, what there is:
#   process PID STARTTIME   a machine's unshare, whose mount namespace no other machine shares
#   bridge NAME             a bridge and the links plugged into it
#   directory PATH
# Exit status: 0 when nothing is left.
trap '' INT TERM HUP
processes='' bridges='' directories=''
while read -r kind what start; do
  case $kind in
    process) processes="$processes $what:$start" ;;
    bridge) bridges="$bridges $what" ;;
    directory) directories="$directories $what" ;;
  esac
done

ours=$(readlink /proc/self/ns/mnt)
left=0

# A pid is ours only with the start time we were told: it may have been reused.
is_alive() {
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  set -- "$2" $stat
  [ "$4" != Z ] && [ "${23}" = "$1" ]
}

members() {
  find /proc -maxdepth 3 -path '/proc/[0-9]*/ns/mnt' -lname "mnt:\\[$1\\]" 2>/dev/null | cut -d/ -f3
}

# Ends a machine whose mount namespace the caller holds open as file 3: the kernel gives the number of a namespace that is
# gone to the next one, which is another stand's.
end_machine() {
  namespace=$(readlink /proc/self/fd/3)
  # Before its unshare(2) the process is still in our own namespace, where everybody else lives.
  if [ "$namespace" = "$ours" ]; then
    kill -KILL "$1" 2>/dev/null
    return
  fi
  inode=${namespace#mnt:[} inode=${inode%]}
  tries=0
  # Not only the init: whoever entered from outside is the parent of a process inside, and if it were stopped it
  # would never reap that, and the process namespace would never end.
  while found=$(members "$inode") && [ -n "$found" ] && [ $tries -lt 500 ]; do
    kill -KILL $found 2>/dev/null
    tries=$((tries + 1))
    sleep 0.02
  done
  [ -z "$found" ] || { echo "still there in the namespace of $1: $found" >&2; left=1; }
}

for process in $processes; do
  pid=${process%:*} start=${process#*:}
  is_alive "$pid" "$start" || continue
  # It may have ended meanwhile, and its namespaces with it.
  { end_machine "$pid"; } 3<"/proc/$pid/ns/mnt" || :
done

for bridge in $bridges; do
  for link in $(ip -o link show master "$bridge" 2>/dev/null | cut -d' ' -f2 | cut -d@ -f1 | tr -d :); do
    # A machine's end takes its link with it, at a moment of the kernel's choosing.
    ip link delete "$link" 2>/dev/null
  done
  ip link delete "$bridge" || left=1
done

for directory in $directories; do
  # With a bind mount visible below it, a removal would go on into the checkout or /usr.
  if grep -qF " $directory/" /proc/self/mountinfo; then
    echo "something is mounted below $directory, left as it is" >&2
    left=1
  else
    rm -rf "$directory" || left=1
  fi
done
exit $left
