package main

import (
	"crypto/sha256"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	fileSize  = 2 << 20
	blockSize = 64 << 10
	writers   = 4
	// No faster than 150 MB/s together: noise is to be seen, not to wear out a laptop's disk.
	pace = writers * blockSize * time.Second / 150e6
)

// hash is CPU work and nothing else: rounds of 64 KiB each.
func hash(rounds int) {
	data := make([]byte, 64<<10)
	for range rounds {
		sum := sha256.Sum256(data)
		copy(data, sum[:])
	}
}

var scratch = env("SCRATCH", "/scratch")

// prepare gives the file its blocks while nobody waits: what scribble then does to the disk is
// writing alone, with no part in the file system's journal, for which the victim would wait.
func prepare() error {
	return os.WriteFile(scratch, make([]byte, fileSize), 0o600)
}

// scribble writes past the page cache, and waits for the disk each time. Writes that go through
// the page cache reach the disk later and by another hand: cgroup version 1 cannot tell whose
// they are, so a limit would not hold them.
func scribble(j *job) {
	file, err := os.OpenFile(scratch, os.O_RDWR|os.O_CREATE|syscall.O_DIRECT|syscall.O_DSYNC, 0o600)
	if err != nil { // a file system that cannot do it
		file, err = os.OpenFile(scratch, os.O_RDWR|os.O_CREATE|os.O_SYNC, 0o600)
	}
	if err != nil {
		j.lost.Add(1)
		return
	}
	defer file.Close()
	// O_DIRECT wants memory that begins where a page begins.
	block, err := syscall.Mmap(-1, 0, blockSize, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		j.lost.Add(1)
		return
	}
	defer syscall.Munmap(block)
	var all sync.WaitGroup
	for i := range int64(writers) {
		all.Go(func() {
			for at := i * fileSize / writers; j.on(); at = (at + blockSize) % fileSize {
				began := time.Now()
				if _, err := file.WriteAt(block, at); err != nil {
					j.lost.Add(1)
					time.Sleep(100 * time.Millisecond)
				}
				j.done.Add(1)
				time.Sleep(pace - time.Since(began))
			}
		})
	}
	all.Wait()
}

// upload sends to the customer's machine as fast as the line takes it.
func upload(j *job) {
	block := make([]byte, blockSize)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for j.on() {
				line, err := net.DialTimeout("tcp", env("UPLOAD_TO", "customer:9000"), 2*time.Second)
				if err != nil {
					j.lost.Add(1)
					time.Sleep(200 * time.Millisecond)
					continue
				}
				for j.on() && err == nil {
					line.SetWriteDeadline(time.Now().Add(5 * time.Second))
					_, err = line.Write(block)
					j.done.Add(1)
				}
				// What still waits to be sent would go on for a while after the noise.
				line.(*net.TCPConn).SetLinger(0)
				line.Close()
			}
		})
	}
	all.Wait()
}
