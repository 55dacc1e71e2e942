package main

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

const (
	eaters    = 12
	mouthful  = 40 << 20 // smaller than the victim's report: the kernel kills the biggest
	pageSize  = 4096
	monotonic = 1
)

// swell keeps a dozen children that fill memory, and replaces those that are killed. None is
// large. Together they are.
func swell(j *job) {
	var children [eaters]int
	for j.on() {
		for i, pid := range children {
			if pid > 0 && syscall.Kill(pid, 0) == nil {
				continue
			}
			if pid > 0 {
				j.lost.Add(1)
			}
			pid, refused := fork(deadline(j), mouthful, false)
			if refused {
				j.lost.Add(1)
				pid = 0
			}
			children[i] = pid
			j.done.Add(1)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(150 * time.Millisecond)
	}
	gone(children[:])
}

// multiply is a fork bomb with an end: every child forks as well, until the time is over.
func multiply(j *job) {
	for j.on() {
		pid, refused := fork(deadline(j), 0, true)
		if refused {
			j.lost.Add(1)
		}
		j.done.Add(1)
		for j.on() && pid > 0 && syscall.Kill(pid, 0) == nil {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// gone waits until children have ended, so that one noise is over before the next.
func gone(children []int) {
	for _, pid := range children {
		for range 100 {
			if pid <= 0 || syscall.Kill(pid, 0) != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// deadline is the end of a job on the clock that children read.
func deadline(j *job) int64 {
	return now() + j.until.Load() - time.Now().UnixNano()
}

// fork makes a child without a program of its own: as small as a process can be. It tells
// whether the kernel refused.
func fork(end int64, size uintptr, bomb bool) (pid int, refused bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid = child(end, size, bomb)
	return pid, pid < 0
}

// child returns in the parent only. In the child there is one thread and no Go runtime behind
// it, so nothing here may allocate, grow the stack or be rescheduled: raw system calls only.
//
//go:nosplit
//go:norace
func child(end int64, size uintptr, bomb bool) int {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return -1
	}
	if pid != 0 {
		return int(pid)
	}
	if size > 0 {
		at, _, errno := syscall.RawSyscall6(syscall.SYS_MMAP, 0, size,
			syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE, ^uintptr(0), 0)
		for i := uintptr(0); errno == 0 && i < size; i += pageSize {
			*(*byte)(unsafe.Pointer(at + i)) = 1
		}
	}
	for now() < end {
		pid, errno = 1, syscall.EAGAIN
		if bomb {
			pid, _, errno = syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		}
		if errno != 0 {
			nap := syscall.Timespec{Nsec: 50_000_000}
			syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0)
		}
	}
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

//go:nosplit
//go:norace
func now() int64 {
	var t syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&t)), 0)
	return t.Sec*1_000_000_000 + t.Nsec
}
