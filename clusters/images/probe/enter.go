package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The file descriptors that the first stage hands to the second.
const (
	fdMount   = 3
	fdRoot    = 4
	fdBusybox = 5
	fdTrouble = 6
)

// enter is the second stage of a command. The process is already in the machine's PID, network,
// UTS, IPC and cgroup namespaces; it goes on into the mounts, and becomes busybox.
// args: the capability bounding set to keep (hexadecimal), then the command.
func enter(args []string) {
	for fd := fdMount; fd <= fdTrouble; fd++ {
		unix.CloseOnExec(fd)
	}
	message, _ := json.Marshal(asFailure(become(args)))
	syscall.Write(fdTrouble, message)
	os.Exit(125)
}

func become(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage")
	}
	keep, err := strconv.ParseUint(args[0], 16, 64)
	if err != nil {
		return err
	}
	// setns(2) on mounts wants a thread that shares its root and working directory with no other.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare fs: %w", err)
	}
	if err := unix.Setns(fdMount, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter mount namespace: %w", err)
	}
	// The root of the machine's own init, which mounts stacked over / do not change.
	if err := unix.Fchdir(fdRoot); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mounts: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := mountProc(); err != nil {
		return err
	}
	if err := limitCapabilities(keep); err != nil {
		return err
	}
	return execute(args[1:])
}

// mountProc covers whatever the machine shows under /proc with a fresh one. Nothing is looked up
// by a path that the machine could have turned into a link.
func mountProc() error {
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS,
	}
	place, err := unix.Openat2(unix.AT_FDCWD, "proc", &how)
	if err != nil {
		return fail("tampered", "its /proc is not a directory (%v)", err)
	}
	context, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("fsopen: %w", err)
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return fmt.Errorf("fsconfig: %w", err)
	}
	const flags = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID |
		unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	mount, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, flags)
	if err != nil {
		return fmt.Errorf("fsmount: %w", err)
	}
	err = unix.MoveMount(mount, "", place, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

// limitCapabilities gives up what the machine itself may not do, all but one harmless thing:
// with a capability more than a container has by default, its root may not trace the command,
// or write to its memory, unless it has CAP_SYS_PTRACE.
func limitCapabilities(keep uint64) error {
	keep |= 1 << unix.CAP_BLOCK_SUSPEND
	for capability := range 64 {
		if keep&(1<<capability) != 0 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0)
		if err == unix.EINVAL {
			return nil // past the last one that this kernel knows
		}
		if err != nil {
			return fmt.Errorf("drop capability: %w", err)
		}
	}
	return nil
}

// execute becomes busybox by its open file: the machine cannot put another program in its place.
func execute(argv []string) error {
	arguments, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	environment, err := syscall.SlicePtrFromStrings(os.Environ())
	if err != nil {
		return err
	}
	empty := []byte{0}
	_, _, errno := syscall.RawSyscall6(
		unix.SYS_EXECVEAT, fdBusybox, uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&arguments[0])), uintptr(unsafe.Pointer(&environment[0])),
		unix.AT_EMPTY_PATH, 0,
	)
	return fmt.Errorf("execute: %w", errno)
}
