package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// target names a process of the host. `start` (its start time in clock ticks since boot, 0 for
// any) tells it from another one that was given the same number later.
type target struct {
	Pid   int    `json:"pid"`
	Start uint64 `json:"start"`
}

func (t target) path(name string) string {
	return "/proc/" + strconv.Itoa(t.Pid) + "/" + name
}

// check tells whether the process is still the one that was meant, and alive.
func (t target) check() error {
	if t.Pid <= 0 {
		return fail("invalid", "pid %d", t.Pid)
	}
	stat, err := readStat(t.Pid)
	if err != nil {
		return fail("gone", "process %d is gone", t.Pid)
	}
	if stat.State == "Z" || stat.State == "X" || t.Start != 0 && t.Start != stat.Start {
		return fail("gone", "process %d is gone", t.Pid)
	}
	return nil
}

func isGone(err error) bool {
	return errors.Is(err, unix.ESRCH)
}

type stat struct {
	Ppid    int
	Session int
	State   string
	Start   uint64
	Comm    string
}

func readStat(pid int) (stat, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(raw)
}

// parseStat reads /proc/PID/stat; a process chooses its own name, brackets and blanks included.
func parseStat(raw []byte) (stat, error) {
	open, end := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
	if open < 0 || end < open {
		return stat{}, fmt.Errorf("malformed stat")
	}
	fields := strings.Fields(string(raw[end+1:]))
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("short stat")
	}
	s := stat{State: fields[0], Comm: string(raw[open+1 : end])}
	s.Ppid, _ = strconv.Atoi(fields[1])
	s.Session, _ = strconv.Atoi(fields[3])
	s.Start, _ = strconv.ParseUint(fields[19], 10, 64)
	return s, nil
}

func allPids() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// inside runs f on a thread of its own that has entered the target's namespaces, given as names
// in /proc/PID/ns. The thread ends with it: no other goroutine ever runs there. Its own errors
// are failures, so that "could not look" is never taken for what f would have seen.
func inside(t target, names []string, f func() error) error {
	if err := t.check(); err != nil {
		return err
	}
	var fds []int
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for _, name := range names {
		fd, err := unix.Open(t.path("ns/"+name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return broken(goneOr(err))
		}
		fds = append(fds, fd)
	}
	if err := t.check(); err != nil { // again: the number may have been reused between
		return err
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is not fit for anything else
		// setns(2) on mounts wants a thread that shares its root and working directory with no other.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			done <- fail("failed", "unshare fs: %v", err)
			return
		}
		for i, fd := range fds {
			if err := unix.Setns(fd, 0); err != nil {
				done <- fail("failed", "enter %s namespace: %v", names[i], err)
				return
			}
		}
		done <- f()
	}()
	return <-done
}

func broken(err error) error {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	return fail("failed", "%v", err)
}

func goneOr(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return fail("gone", "the process is gone")
	}
	return err
}
