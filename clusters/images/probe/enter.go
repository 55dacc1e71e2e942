package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The file descriptors that the first stage hands to the second.
const (
	fdMount   = 3
	fdRoot    = 4
	fdTrouble = 5
)

const (
	toolFolder  = "/bin"        // in the probe's image
	toolPlace   = "proc/driver" // where commands find that folder: a part of /proc that is always there
	toolProgram = "b"           // busybox, made to find itself there
)

// enter is the second stage of a command. The process is already in the machine's network, UTS, IPC
// and cgroup namespaces; it goes on into the mounts, and becomes busybox. It never is in the
// machine's PID namespace: nobody there can see it, so nobody can end it, stop it or trace it.
// args: the machine's PID namespace (a number), the capability bounding set to keep (hexadecimal),
// then the command.
func enter(args []string) {
	for fd := fdMount; fd <= fdTrouble; fd++ {
		unix.CloseOnExec(fd)
	}
	message, _ := json.Marshal(asFailure(become(args)))
	syscall.Write(fdTrouble, message)
	os.Exit(125)
}

func become(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage")
	}
	namespace, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	keep, err := strconv.ParseUint(args[1], 16, 64)
	if err != nil {
		return err
	}
	// All that is needed of the probe's own files is opened while they are in reach.
	program, err := unix.Open(toolFolder+"/"+toolProgram, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open tools: %w", err)
	}
	tools, err := unix.OpenTree(unix.AT_FDCWD, toolFolder, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("copy tools: %w", err)
	}
	self, err := unix.Open("/proc/self", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open itself: %w", err)
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
	proc, err := bareProc(namespace)
	if err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mounts: %w", err)
	}
	if err := makePrivate(); err != nil {
		return err
	}
	if err := cover("proc", proc); err != nil {
		return err
	}
	// The copy has the peers that the machine's own /proc has.
	if err := makePrivate(); err != nil {
		return err
	}
	if err := showsAll(self); err != nil {
		return err
	}
	if err := cover(toolPlace, tools); err != nil {
		return err
	}
	if err := limitCapabilities(keep); err != nil {
		return err
	}
	return execute(program, args[2:])
}

// makePrivate lets nothing that is mounted from now on appear in the machine.
func makePrivate() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	return nil
}

// bareProc is a copy of the machine's /proc without anything that is mounted on it. It must be a
// whole one, of the machine's PID namespace.
func bareProc(namespace uint64) (int, error) {
	mount, err := unix.OpenTree(unix.AT_FDCWD, "proc",
		unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return -1, fail("tampered", "its /proc is not there (%v)", err)
	}
	if err := isProc(mount, namespace); err != nil {
		unix.Close(mount)
		return -1, err
	}
	return mount, nil
}

func isProc(mount int, namespace uint64) error {
	var system unix.Statfs_t
	var root unix.Stat_t
	if unix.Fstatfs(mount, &system) != nil || system.Type != unix.PROC_SUPER_MAGIC ||
		unix.Fstat(mount, &root) != nil || root.Ino != procRootInode {
		return fail("tampered", "its /proc is not the kernel's")
	}
	text := make([]byte, 64)
	n, err := unix.Readlinkat(mount, "1/ns/pid", text)
	if err != nil {
		return fail("tampered", "its /proc shows no first process (%v)", err)
	}
	if shown, err := parseNamespace(string(text[:n])); err != nil || shown != namespace {
		return fail("tampered", "its /proc shows the processes of something else")
	}
	return nil
}

const procRootInode = 1

// cover mounts a detached tree on a folder. Nothing is looked up by a path that the machine could
// have turned into a link.
func cover(path string, mount int) error {
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS,
	}
	place, err := unix.Openat2(unix.AT_FDCWD, path, &how)
	if err != nil {
		return fail("tampered", "its /%s is not a directory (%v)", path, err)
	}
	err = unix.MoveMount(mount, "", place, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("mount /%s: %w", path, err)
	}
	return nil
}

// showsAll makes sure that the mounted /proc hides no processes or files; `self` is the process's
// own folder in the probe's /proc.
func showsAll(self int) error {
	fd, err := unix.Openat(self, "mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("read mounts: %w", err)
	}
	raw, err := io.ReadAll(os.NewFile(uintptr(fd), "mountinfo"))
	if err != nil {
		return fmt.Errorf("read mounts: %w", err)
	}
	if option := hides(string(raw)); option != "" {
		return fail("tampered", "its /proc was told to hide things (%s)", option)
	}
	return nil
}

// hides finds the option, if any, by which the last /proc of a mountinfo shows less than all.
func hides(mountinfo string) string {
	var last mount
	for _, m := range parseMounts(mountinfo) {
		if m.Place == "/proc" {
			last = m
		}
	}
	for _, option := range last.Super {
		if strings.HasPrefix(option, "hidepid") || strings.HasPrefix(option, "subset") {
			return option
		}
	}
	return ""
}

// limitCapabilities gives up what the machine itself may not do.
func limitCapabilities(keep uint64) error {
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

// execute becomes a program by its open file: the machine cannot put another one in its place.
func execute(program int, argv []string) error {
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
		unix.SYS_EXECVEAT, uintptr(program), uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&arguments[0])), uintptr(unsafe.Pointer(&environment[0])),
		unix.AT_EMPTY_PATH, 0,
	)
	return fmt.Errorf("execute: %w", errno)
}
