package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultMaxOutput = 1 << 20
	lingering        = 200 * time.Millisecond
)

type execArgs struct {
	target
	Argv      []string `json:"argv"`
	MaxOutput int      `json:"max_output"` // bytes, of each stream
}

type execReply struct {
	Status    int    `json:"status"`
	Stdout    []byte `json:"stdout"`
	Stderr    []byte `json:"stderr"`
	Truncated bool   `json:"truncated"`
	TimedOut  bool   `json:"timed_out"`
}

// runCommand runs an applet of the probe's own busybox inside a machine. The command stays in the
// probe's cgroup, so that a machine without memory or process ids cannot starve it.
func runCommand(ctx context.Context, args execArgs) (*execReply, error) {
	if len(args.Argv) == 0 {
		return nil, fail("invalid", "argv is empty")
	}
	if err := args.check(); err != nil {
		return nil, err
	}
	if frozen(args.Pid) {
		return nil, fail("paused", "the machine is paused")
	}
	limit := args.MaxOutput
	if limit <= 0 {
		limit = defaultMaxOutput
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stdout, stderr := &capped{limit: limit, full: cancel}, &capped{limit: limit, full: cancel}
	command, trouble, err := prepare(ctx, args, stdout, stderr)
	if err != nil {
		return nil, err
	}
	defer trouble.Close()
	err = inside(args.target, []string{"cgroup", "ipc", "uts", "net"}, command.Start)
	for _, file := range command.ExtraFiles {
		file.Close()
	}
	if err != nil {
		return nil, err
	}
	err = command.Wait()
	if ctx.Err() != nil || errors.Is(err, exec.ErrWaitDelay) {
		killTree(command.Process.Pid)
	}
	if err := args.check(); err != nil { // what a machine that ended meanwhile shows is no answer
		return nil, err
	}
	if message, _ := io.ReadAll(io.LimitReader(trouble, 4096)); len(message) > 0 {
		why := &failure{"failed", string(message)}
		json.Unmarshal(message, why)
		return nil, why
	}
	truncated := stdout.over() || stderr.over()
	return &execReply{
		Status:    status(command.ProcessState),
		Stdout:    stdout.bytes(),
		Stderr:    stderr.bytes(),
		Truncated: truncated,
		TimedOut:  ctx.Err() != nil && !truncated,
	}, nil
}

// prepare makes the second stage's command and the pipe on which it reports trouble.
func prepare(ctx context.Context, args execArgs, stdout, stderr io.Writer) (*exec.Cmd, *os.File, error) {
	info, err := readStatus(args.Pid)
	if err != nil {
		return nil, nil, goneOr(err)
	}
	home, err := namespaceID(args.Pid, "pid")
	if err != nil {
		return nil, nil, goneOr(err)
	}
	var files []*os.File
	closeAll := func() {
		for _, file := range files {
			file.Close()
		}
	}
	for _, want := range []struct {
		path  string
		flags int
	}{
		{args.path("ns/mnt"), unix.O_RDONLY},
		{args.path("root"), unix.O_PATH | unix.O_DIRECTORY},
	} {
		fd, err := unix.Open(want.path, want.flags|unix.O_CLOEXEC, 0)
		if err != nil {
			closeAll()
			return nil, nil, goneOr(err)
		}
		files = append(files, os.NewFile(uintptr(fd), want.path))
	}
	trouble, report, err := os.Pipe()
	if err != nil {
		closeAll()
		return nil, nil, err
	}
	files = append(files, report)
	argv := []string{"enter", strconv.FormatUint(home, 10), strconv.FormatUint(info.capBnd, 16)}
	argv = append(argv, args.Argv...)
	command := exec.CommandContext(ctx, "/proc/self/exe", argv...)
	command.Env = []string{"PATH=/nonexistent", "HOME=/", "LC_ALL=C"}
	command.ExtraFiles = files
	command.Stdout, command.Stderr = stdout, stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	command.Cancel = func() error { killTree(command.Process.Pid); return nil }
	command.WaitDelay = lingering
	return command, trouble, nil
}

func status(state *os.ProcessState) int {
	if wait, ok := state.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		return 128 + int(wait.Signal())
	}
	return state.ExitCode()
}

// killTree ends a command with all that it started: what still has it as an ancestor, and what
// is in its session. It looks more than once, because the tree may grow meanwhile.
func killTree(pid int) {
	for range 3 {
		pids, err := allPids()
		if err != nil {
			return
		}
		family := map[int]bool{pid: true}
		stats := map[int]stat{}
		for _, p := range pids {
			if s, err := readStat(p); err == nil {
				stats[p] = s
				if s.Session == pid {
					family[p] = true
				}
			}
		}
		for grown := true; grown; {
			grown = false
			for p, s := range stats {
				if family[s.Ppid] && !family[p] {
					family[p], grown = true, true
				}
			}
		}
		killed := 0
		for p := range family {
			if s, ok := stats[p]; ok && s.State != "Z" && unix.Kill(p, unix.SIGKILL) == nil {
				killed++
			}
		}
		if killed == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// capped keeps the first bytes of a stream and ends the command when there are more.
type capped struct {
	mutex sync.Mutex
	kept  []byte
	limit int
	more  bool
	full  func()
}

func (c *capped) Write(data []byte) (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	room := min(c.limit-len(c.kept), len(data))
	c.kept = append(c.kept, data[:room]...)
	if room < len(data) {
		c.more = true
		c.full()
	}
	return len(data), nil
}

func (c *capped) over() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.more
}

func (c *capped) bytes() []byte {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.kept
}
