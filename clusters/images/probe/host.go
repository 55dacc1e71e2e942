package main

import (
	"context"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

type hostReply struct {
	Sysname       string            `json:"sysname"`
	Release       string            `json:"release"`
	Version       string            `json:"version"`
	Machine       string            `json:"machine"`
	Hostname      string            `json:"hostname"`
	BootID        string            `json:"boot_id"`
	CgroupVersion int               `json:"cgroup_version"`
	Namespaces    map[string]uint64 `json:"namespaces"`
}

// describeHost tells what the engine's own kernel is, and the namespaces of its first process.
func describeHost(context.Context, struct{}) (*hostReply, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, err
	}
	host := &hostReply{
		Sysname:       unix.ByteSliceToString(name.Sysname[:]),
		Release:       unix.ByteSliceToString(name.Release[:]),
		Version:       unix.ByteSliceToString(name.Version[:]),
		Machine:       unix.ByteSliceToString(name.Machine[:]),
		BootID:        strings.TrimSpace(string(boot)),
		CgroupVersion: cgroupVersion(),
		Namespaces:    map[string]uint64{},
	}
	first := firstProcess()
	for _, kind := range namespaceNames {
		if id, err := namespaceID(first, kind); err == nil {
			host.Namespaces[kind] = id
		}
	}
	err = inside(target{Pid: first}, []string{"uts"}, func() error {
		if err := unix.Uname(&name); err != nil {
			return err
		}
		host.Hostname = unix.ByteSliceToString(name.Nodename[:])
		return nil
	})
	return host, err
}

// firstProcess is the host's init, or where that one is closed to everybody, the first kernel
// thread: both live in the namespaces that the kernel started with.
func firstProcess() int {
	if _, err := namespaceID(1, "uts"); err != nil {
		return 2
	}
	return 1
}
