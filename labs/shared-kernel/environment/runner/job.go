package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	maxSeconds = 10 * time.Second
	maxOutput  = 64 << 10
	nobody     = 65534
)

// execute runs a program as nobody and returns what it printed.
func execute(ctx context.Context, program []byte, argv []string) ([]byte, error) {
	path, err := save(program)
	if err != nil {
		return nil, err
	}
	defer os.Remove(path)
	ctx, cancel := context.WithTimeout(ctx, maxSeconds)
	defer cancel()
	// A program that another job's fork holds open for writing cannot be run for a moment.
	for {
		output := &capped{}
		job := exec.CommandContext(ctx, path)
		job.Args = argv
		job.Dir = "/tmp"
		job.Env = []string{"PATH=/bin", "HOME=/tmp"}
		job.Stdout, job.Stderr = output, output
		job.SysProcAttr = &syscall.SysProcAttr{
			Setpgid:    true,
			Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
		}
		job.Cancel = func() error { return syscall.Kill(-job.Process.Pid, syscall.SIGKILL) }
		job.WaitDelay = 200 * time.Millisecond
		err := job.Run()
		if !errors.Is(err, syscall.ETXTBSY) {
			return output.kept.Bytes(), err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func save(program []byte) (string, error) {
	file, err := os.CreateTemp("/tmp", "job-")
	if err != nil {
		return "", err
	}
	_, err = file.Write(program)
	return file.Name(), errors.Join(err, file.Chmod(0o755), file.Close())
}

// capped keeps the beginning of what is written to it.
type capped struct{ kept bytes.Buffer }

func (c *capped) Write(data []byte) (int, error) {
	room := max(maxOutput-c.kept.Len(), 0)
	c.kept.Write(data[:min(len(data), room)])
	return len(data), nil
}
