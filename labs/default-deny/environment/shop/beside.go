package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// report is a forgotten job: it copies db's newest rows over a connection that it never closes.
func report() error {
	var lock sync.Mutex
	row, copied, link := "none", time.Now(), "no connection"
	store := &connection{address: os.Getenv("DB")}
	go func() {
		for range time.Tick(beat) {
			got, err := store.ask("ROW")
			lock.Lock()
			if err == nil {
				row, copied = got, time.Now()
				link = "connection open since " + store.opened.UTC().Format(time.TimeOnly)
				served.Add(1)
			} else {
				link = "no connection: " + err.Error()
			}
			lock.Unlock()
		}
	}()
	return serve(func(w http.ResponseWriter, _ *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		fmt.Fprintf(w, "newest row %s, copied %.0f s ago\n%s\n", row, time.Since(copied).Seconds(), link)
	})
}

// collector reads everybody's metrics once a second.
func collector() error {
	var lock sync.Mutex
	up := map[string]string{}
	targets := strings.Fields(os.Getenv("TARGETS"))
	for _, target := range targets {
		go func() {
			for range time.Tick(time.Second) {
				word := "up"
				if _, _, err := ask(target, nil, patience); err != nil {
					word = "DOWN: " + err.Error()
				}
				lock.Lock()
				up[target] = word
				lock.Unlock()
			}
		}()
	}
	return serve(func(w http.ResponseWriter, _ *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		for _, target := range targets {
			fmt.Fprintf(w, "%-28s %s\n", target, up[target])
		}
	})
}
