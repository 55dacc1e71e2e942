package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where the container finds the host's /sys/fs/cgroup.
var cgroupRoot = "/host/cgroup"

type cgroupArgs struct {
	target
	Top string `json:"top"` // a container id: limits above that container's cgroup don't count
}

type ioLimit struct {
	Device string  `json:"device"` // major:minor
	Rbps   *uint64 `json:"rbps"`
	Wbps   *uint64 `json:"wbps"`
	Riops  *uint64 `json:"riops"`
	Wiops  *uint64 `json:"wiops"`
}

// limits: null means without limit.
type limits struct {
	MemoryMax   *uint64   `json:"memory_max"` // bytes
	PidsMax     *uint64   `json:"pids_max"`
	CPUQuotaUs  *uint64   `json:"cpu_quota_us"`
	CPUPeriodUs *uint64   `json:"cpu_period_us"`
	IO          []ioLimit `json:"io"`
}

type usage struct {
	MemoryCurrent *uint64 `json:"memory_current"` // bytes
	OOMKills      *uint64 `json:"oom_kills"`
	PidsCurrent   *uint64 `json:"pids_current"`
	PidsFailures  *uint64 `json:"pids_failures"` // forks refused by pids_max
	NrThrottled   *uint64 `json:"nr_throttled"`
	ThrottledUs   *uint64 `json:"throttled_us"`
}

type cgroupReply struct {
	Version   int               `json:"version"`
	Paths     map[string]string `json:"paths"`
	Own       limits            `json:"own"`
	Effective limits            `json:"effective"` // the tightest of it and what is above it
	Usage     usage             `json:"usage"`
	Cpuset    string            `json:"cpuset"`
	Frozen    bool              `json:"frozen"`
}

func cgroupVersion() int {
	var fs unix.Statfs_t
	if unix.Statfs(cgroupRoot, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return 2
	}
	return 1
}

// group is one process's cgroup for one controller, in whichever hierarchy manages it.
type group struct {
	version int
	mount   string // the hierarchy's folder
	path    string // below mount
}

func (g group) file(name string) string { return filepath.Join(g.mount, g.path, name) }

// findGroup reads the lines of /proc/PID/cgroup.
func findGroup(lines []string, controller string) (group, bool) {
	unified := ""
	for _, line := range lines {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		if parts[1] == "" {
			unified = parts[2]
			continue
		}
		if slices.Contains(strings.Split(parts[1], ","), controller) {
			for _, name := range []string{controller, parts[1]} {
				mount := filepath.Join(cgroupRoot, name)
				if _, err := os.Stat(mount); err == nil {
					return group{1, mount, parts[2]}, true
				}
			}
		}
	}
	mount := cgroupRoot
	if cgroupVersion() == 1 {
		mount = filepath.Join(cgroupRoot, "unified")
	}
	return group{2, mount, unified}, unified != ""
}

// upward: the group and those above it, up to the one that carries `top` in its name, or else
// up to but without the root, which has no limits.
func (g group) upward(top string) []group {
	var all []group
	for path := filepath.Clean(g.path); path != "/" && path != "."; path = filepath.Dir(path) {
		all = append(all, group{g.version, g.mount, path})
		if top != "" && strings.Contains(filepath.Base(path), top) {
			break
		}
	}
	return all
}

func describeCgroup(_ context.Context, args cgroupArgs) (*cgroupReply, error) {
	if err := args.check(); err != nil {
		return nil, err
	}
	lines := readLines(args.path("cgroup"))
	if len(lines) == 0 {
		return nil, fail("gone", "process %d is gone", args.Pid)
	}
	r := &cgroupReply{Version: cgroupVersion(), Paths: map[string]string{}, Frozen: frozen(args.Pid)}
	for _, controller := range []string{"memory", "cpu", "pids", blockController(lines)} {
		g, found := findGroup(lines, controller)
		if !found {
			continue
		}
		r.Paths[strings.Replace(controller, "blkio", "io", 1)] = g.path
		r.Own.tighten(g, controller)
		r.Usage.read(g, controller)
		for _, above := range g.upward(args.Top) {
			r.Effective.tighten(above, controller)
		}
	}
	if g, found := findGroup(lines, "cpuset"); found {
		name := map[int]string{1: "cpuset.effective_cpus", 2: "cpuset.cpus.effective"}[g.version]
		r.Cpuset = text(g.file(name))
	}
	return r, args.check()
}

// blockController: the I/O controller is called blkio in version 1.
func blockController(lines []string) string {
	if g, found := findGroup(lines, "blkio"); found && g.version == 1 {
		return "blkio"
	}
	return "io"
}

// frozen tells whether a process, or a cgroup above it, is frozen: a paused container.
func frozen(pid int) bool {
	lines := readLines("/proc/" + strconv.Itoa(pid) + "/cgroup")
	g, found := findGroup(lines, "freezer")
	if !found {
		return false
	}
	if g.version == 1 {
		state := text(g.file("freezer.state"))
		return state == "FROZEN" || state == "FREEZING"
	}
	for _, above := range g.upward("") {
		if text(above.file("cgroup.freeze")) == "1" {
			return true
		}
	}
	return false
}

func text(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}
