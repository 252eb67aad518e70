#!/bin/sh
# Powers one rehearsal host on. Each stage execs the next; the first one is started by `reveille lab up` or `boot`.
#   $1          the stage
#   HOST KIND   h1; light or systemd
#   NETNS       name of its network namespace
#   GROUP       control group of the lab; the host's own is $GROUP/$HOST
#   DISK        folder of the disk: `volumes` lists mount points, layer N of line N is $DISK/N/{upper,work}
#   SHARED      what the host sees as /srv/shared
#   SSHD        path of sshd
set -eu
umask 022
ROOT=$DISK/root

mount_disk() {
    mount --make-rprivate /
    n=0
    while read -r at; do
        layer=$DISK/$n n=$((n + 1))
        mount -t overlay -o "index=off,lowerdir=$at,upperdir=$layer/upper,workdir=$layer/work" overlay "$ROOT$at"
    done <"$DISK/volumes"
}

mount_kernel_files() {
    mount -t proc -o nosuid,nodev,noexec proc proc
    # A host may tune its own network, but not the machine that all of them share.
    mount --bind proc/sys proc/sys
    mount --bind proc/sys/net proc/sys/net
    mount -o remount,bind,ro proc/sys
    if [ -e proc/sysrq-trigger ]; then
        mount --bind proc/sysrq-trigger proc/sysrq-trigger
        mount -o remount,bind,ro proc/sysrq-trigger
    fi
    mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
}

mount_devices() {
    mount -t tmpfs -o mode=755,nosuid tmpfs dev
    while read -r name major minor; do
        mknod -m 666 "dev/$name" c "$major" "$minor"
    done <<-NODES
	null 1 3
	zero 1 5
	full 1 7
	random 1 8
	urandom 1 9
	tty 5 0
	fuse 10 229
	NODES
    ln -s /proc/self/fd dev/fd
    for fd in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${fd%:*}" "dev/${fd#*:}"; done
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5,nosuid,noexec devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
}

mount_scratch() {
    mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
    mkdir run/sshd run/lock run/base
    chmod 1777 run/lock
    mount --bind "$SHARED" srv/shared
}

leave_base_machine() {
    pivot_root . run/base
    cd /
    umount -l run/base
    rmdir run/base
}

case $1 in
light)
    # This process waits for the host's pid 1 and dies with it; it belongs to the lab, not to the host.
    echo 0 >"$GROUP/cgroup.procs"
    exec nsenter "--net=/run/netns/$NETNS" unshare --mount --uts --ipc --pid --fork --kill-child sh "$0" pid1
    ;;
pid1)
    echo 0 >"$GROUP/$HOST/cgroup.procs"
    exec unshare --cgroup sh "$0" init
    ;;
init)
    echo "$HOST" >/proc/sys/kernel/hostname
    mount_disk
    cd "$ROOT"
    mount_kernel_files
    mount_devices
    mount_scratch
    leave_base_machine
    # Folders packages expect below /run (run/named and so on), where the machine knows them.
    systemd-tmpfiles --create --prefix=/run >/dev/null 2>&1 || :
    rm -f /run/nologin
    # pid 1: keeps sshd running and, waiting, reaps every orphan. The clock and the kernel belong to all hosts.
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio \
        /bin/sh -c 'while :; do "$0" -D -e & wait; sleep 1; done' "$SSHD"
    ;;
systemd)
    echo 0 >"$GROUP/$HOST/cgroup.procs"
    exec nsenter "--net=/run/netns/$NETNS" unshare --mount sh "$0" nspawn
    ;;
nspawn)
    mount_disk
    # Its lock files and folders per machine, which a power cut would leave behind.
    mkdir -p /run/systemd/nspawn
    mount -t tmpfs tmpfs /run/systemd/nspawn
    export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network SYSTEMD_NSPAWN_USE_CGNS=1
    exec systemd-nspawn --quiet --register=no --keep-unit --directory="$ROOT" --machine="$NETNS" --hostname="$HOST" \
        --network-namespace-path="/run/netns/$NETNS" --bind="$SHARED:/srv/shared" \
        --capability=all --drop-capability=CAP_SYS_TIME,CAP_SYS_MODULE,CAP_SYS_RAWIO \
        --resolv-conf=off --link-journal=no --timezone=off --console=pipe \
        --boot systemd.unit=multi-user.target systemd.log_level=warning
    ;;
esac
