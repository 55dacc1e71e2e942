// Notary is the service that the lab is about. It stamps lines of text with a secret key, keeps
// them in a ledger, and searches the ledger. The search has a hole: see search.go.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
)

const (
	address = ":80"
	ledger  = "/var/lib/notary/ledger"
	maxText = 200
)

const about = `notary is open.
To have a line stamped:  curl --data "I was here" ADDRESS/stamp
To find stamped lines:   curl "ADDRESS/search?word=here"
`

type notary struct {
	key  []byte
	lock sync.Mutex
}

// stamped is a line with its stamp. The stamp covers who made it, too: the process's mount
// namespace, and when it was started, as the kernel counts both.
type stamped struct {
	Text    string `json:"text"`
	Mounts  uint64 `json:"mount_namespace"`
	Started uint64 `json:"started"`
	Stamp   string `json:"stamp"`
}

func main() {
	n := &notary{key: []byte(os.Getenv("NOTARY_KEY"))}
	if len(n.key) == 0 {
		log.Fatal("NOTARY_KEY is not set: notary cannot stamp anything")
	}
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, about) })
	http.HandleFunc("POST /stamp", n.stamp)
	http.HandleFunc("GET /search", search)
	// The first process of a PID namespace gets only those signals that it asks for.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() { log.Fatal(http.ListenAndServe(address, nil)) }()
	<-stop
}

func (n *notary) stamp(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxText))
	text := strings.TrimSpace(string(body))
	if err != nil || text == "" || strings.ContainsAny(text, "\r\n") {
		http.Error(w, "a text is one line of at most 200 bytes", http.StatusBadRequest)
		return
	}
	mounts, started, err := self()
	if err == nil {
		err = n.record(text)
	}
	if err != nil {
		http.Error(w, "notary cannot stamp: "+err.Error(), http.StatusInternalServerError)
		return
	}
	mac := hmac.New(sha256.New, n.key)
	fmt.Fprintf(mac, "%s\n%d\n%d", text, mounts, started)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(stamped{text, mounts, started, hex.EncodeToString(mac.Sum(nil))})
}

func (n *notary) record(text string) error {
	n.lock.Lock()
	defer n.lock.Unlock()
	file, err := os.OpenFile(ledger, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = fmt.Fprintln(file, text)
	return err
}
