package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

const startField = 22 // of /proc/PID/stat, see proc(5)

// self tells who this process is for the kernel: its mount namespace, and when it was started, in
// clock ticks since the kernel was.
func self() (mounts, started uint64, err error) {
	link, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscanf(link, "mnt:[%d]", &mounts); err != nil {
		return 0, 0, err
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0, err
	}
	// The name in brackets is field 2, and may hold anything.
	rest := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	started, err = strconv.ParseUint(string(rest[startField-3]), 10, 64)
	return mounts, started, err
}
