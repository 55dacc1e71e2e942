package main

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	reportSize = 96 << 20
	patience   = 8 * time.Second
)

// outcome is how one piece of the victim's work went.
type outcome struct {
	Token string  `json:"token"`
	Ms    float64 `json:"ms"`
	Error string  `json:"error,omitempty"`
}

var pieces = map[string]func() error{
	"cpu":       func() error { hash(400); return nil },
	"memory":    func() error { return start("worker", strconv.Itoa(reportSize)) },
	"disk":      note,
	"processes": func() error { return start("worker", "0") },
}

func victim([]string) error {
	threads()
	token := env("TOKEN", "victim")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", page(token))
	mux.HandleFunc("GET /work/{piece}", func(w http.ResponseWriter, r *http.Request) {
		work, known := pieces[r.PathValue("piece")]
		if !known {
			http.NotFound(w, r)
			return
		}
		began := time.Now()
		result := outcome{Token: token}
		if err := work(); err != nil {
			result.Error = err.Error()
		}
		result.Ms = float64(time.Since(began).Microseconds()) / 1000
		reply(w, result)
	})
	return http.ListenAndServe(":"+env("PORT", "8080"), mux)
}

// threads makes the threads that the program may need while the kernel still gives any: Go ends
// a program that asks for one in vain, and this lab is about the victim's work, not about Go.
func threads() {
	var ready, all sync.WaitGroup
	release := make(chan struct{})
	for range 16 {
		ready.Add(1)
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			<-release
		})
	}
	ready.Wait()
	close(release)
	all.Wait()
}

// note writes a line and waits until the disk has it, as a database does.
func note() error {
	file, err := os.OpenFile(env("LEDGER", "/ledger"), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(make([]byte, pageSize)); err != nil {
		return err
	}
	return syscall.Fdatasync(int(file.Fd()))
}

// start runs this program again, as services do that have a helper for each report.
func start(args ...string) error {
	command := exec.Command("/proc/self/exe", args...)
	// Few threads: each of them counts as a process.
	command.Env = append(os.Environ(), "GOMAXPROCS=1")
	if err := command.Start(); err != nil {
		if errors.Is(err, syscall.EAGAIN) {
			return errors.New("refused")
		}
		return err
	}
	timer := time.AfterFunc(patience, func() { command.Process.Kill() })
	defer timer.Stop()
	err := command.Wait()
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return errors.New("killed")
	}
	if err != nil {
		return errors.New("refused") // it could not start its threads
	}
	return nil
}

// worker fills as much memory as it is told, and ends.
func worker(args []string) error {
	size, err := strconv.Atoi(args[0])
	if err != nil || size == 0 {
		return err
	}
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return err
	}
	for i := 0; i < size; i += pageSize {
		memory[i] = 1
	}
	return nil
}
