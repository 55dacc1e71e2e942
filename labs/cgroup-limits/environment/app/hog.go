package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// longest keeps a forgotten hog from wearing out the learner's laptop.
const longest = 60 * time.Second

// job is one kind of noise: until when it goes on, and how much was done.
type job struct {
	until atomic.Int64 // Unix nanoseconds
	busy  atomic.Bool
	done  atomic.Int64 // rounds of work, whatever a round is
	lost  atomic.Int64 // rounds that the kernel refused or killed
	make  func(*job)
}

func (j *job) on() bool { return time.Now().UnixNano() < j.until.Load() }

// order starts the noise; for noise that goes on, it sets a new end.
func (j *job) order(length time.Duration) {
	j.until.Store(time.Now().Add(length).UnixNano())
	if j.busy.CompareAndSwap(false, true) {
		go func() {
			j.make(j)
			j.busy.Store(false)
		}()
	}
}

func hog([]string) error {
	// Children are never waited for; ignored, they vanish by themselves instead of as zombies.
	signal.Ignore(syscall.SIGCHLD)
	runtime.GOMAXPROCS(4)
	threads()
	if err := prepare(); err != nil {
		return err
	}
	token := env("TOKEN", "hog")
	jobs := map[string]*job{
		"cpu":       {make: burn},
		"memory":    {make: swell},
		"disk":      {make: scribble},
		"processes": {make: multiply},
		"network":   {make: upload},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		state := map[string]any{"token": token}
		for name, j := range jobs {
			state[name] = map[string]any{"on": j.on(), "done": j.done.Load(), "lost": j.lost.Load()}
		}
		reply(w, state)
	})
	mux.HandleFunc("POST /noise/{kind}", func(w http.ResponseWriter, r *http.Request) {
		kind := r.PathValue("kind")
		seconds, err := strconv.ParseFloat(r.URL.Query().Get("seconds"), 64)
		if err != nil || seconds <= 0 || (kind != "all" && !slices.Contains(resources, kind)) {
			http.Error(w, "POST /noise/cpu?seconds=20", http.StatusBadRequest)
			return
		}
		length := min(time.Duration(seconds*float64(time.Second)), longest)
		for name, j := range jobs {
			if kind == "all" || kind == name {
				j.order(length)
			}
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, "%s: noise for %s\n", token, length)
	})
	mux.HandleFunc("GET /page", page(token))
	return http.ListenAndServe(":"+env("PORT", "9090"), mux)
}

// burn: as many threads as a machine may have processors, all busy.
func burn(j *job) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for j.on() {
				hash(1)
				j.done.Add(1)
			}
		})
	}
	all.Wait()
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value)
}

// page answers with as much as an ordinary web page.
func page(token string) http.HandlerFunc {
	body := make([]byte, 64<<10)
	for i := range body {
		body[i] = '.'
	}
	copy(body, token+"\n")
	return func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }
}
