package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const maxSeconds = 30 * time.Second

// search is written the quick way: the word goes into a shell's command line as it came.
func search(w http.ResponseWriter, r *http.Request) {
	word := r.URL.Query().Get("word")
	output, err := run(r.Context(), "grep -h -- '"+word+"' "+ledger)
	if err != nil {
		http.Error(w, "notary cannot search: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Write(output)
}

// run gives back what a shell's command printed. That goes by way of a file in /tmp: it may be long.
func run(ctx context.Context, command string) ([]byte, error) {
	found, err := os.CreateTemp("/tmp", "search-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(found.Name())
	defer found.Close()
	ctx, cancel := context.WithTimeout(ctx, maxSeconds)
	defer cancel()
	shell := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	shell.Stdout, shell.Stderr = found, found
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	// grep ends with 1 when it finds nothing: only a shell that did not run is an error.
	var ended *exec.ExitError
	if err := shell.Run(); err != nil && !errors.As(err, &ended) {
		return nil, err
	}
	return os.ReadFile(found.Name())
}
