// Monitor asks shop for its health twice a second and shows the answer on a status page, with
// what it sees of the machine that it runs on.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	pause   = 500 * time.Millisecond
	timeout = 2 * time.Second
)

type health struct {
	Open   bool   `json:"open"`
	Orders int    `json:"orders"`
	Last   string `json:"last"`
}

type monitor struct {
	url    string
	lock   sync.Mutex
	health health
	err    error
	at     time.Time
}

func main() {
	m := &monitor{url: strings.TrimSuffix(os.Getenv("SHOP_URL"), "/")}
	if m.url == "" {
		log.Fatal("SHOP_URL is not set: monitor does not know where shop is")
	}
	listen := os.Getenv("LISTEN")
	if listen == "" {
		listen = ":9090"
	}
	go m.watch()
	http.HandleFunc("GET /{$}", m.page)
	// The first process of a PID namespace gets only those signals that it asks for.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() { log.Fatal(http.ListenAndServe(listen, nil)) }()
	<-stop
}

func (m *monitor) watch() {
	client := &http.Client{Timeout: timeout}
	for {
		found, err := look(client, m.url+"/health")
		m.lock.Lock()
		m.health, m.err, m.at = found, err, time.Now()
		m.lock.Unlock()
		time.Sleep(pause)
	}
}

func look(client *http.Client, url string) (found health, err error) {
	answer, err := client.Get(url)
	if err != nil {
		return found, err
	}
	defer answer.Body.Close()
	err = json.NewDecoder(io.LimitReader(answer.Body, 1<<16)).Decode(&found)
	return found, err
}

func (m *monitor) page(w http.ResponseWriter, _ *http.Request) {
	m.lock.Lock()
	defer m.lock.Unlock()
	fmt.Fprintf(w, "watching    %s\n", m.url)
	switch {
	case m.at.IsZero():
		fmt.Fprintln(w, "shop        not asked yet")
	case m.err != nil:
		fmt.Fprintf(w, "shop        DOWN (%v)\n", m.err)
	default:
		fmt.Fprintf(w, "shop        open\norders      %d\nlast order  %s\n", m.health.Orders, m.health.Last)
	}
	name, _ := os.Hostname()
	fmt.Fprintf(w, "\nFrom here I see:\nhost name   %s\nprocesses   %d\ninterfaces  %s\n", name, processes(), interfaces())
}

func processes() (count int) {
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err == nil {
			count++
		}
	}
	return count
}

func interfaces() string {
	var names []string
	found, _ := net.Interfaces()
	for _, one := range found {
		names = append(names, one.Name)
	}
	return strings.Join(names, " ")
}
