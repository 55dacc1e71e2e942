// Runner runs programs that customers send, and answers with what they printed and a receipt. It
// is the untrusted workload of the lab: nobody here has read those programs.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

const (
	maxProgram = 8 << 20
	maxAtOnce  = 4
)

const about = `runner runs your programs. Send one, a script or a binary:

    curl --data-binary @program ADDRESS/run

Its arguments are given as /run?arg=...&arg=..., the first one is its own name.
`

type runner struct {
	key   []byte
	slots chan struct{}
}

func main() {
	r := &runner{key: []byte(os.Getenv("RUNNER_KEY")), slots: make(chan struct{}, maxAtOnce)}
	port := os.Getenv("RUNNER_PORT")
	if len(r.key) == 0 || port == "" {
		log.Fatal("RUNNER_KEY and RUNNER_PORT must be set")
	}
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, about) })
	http.HandleFunc("POST /run", r.run)
	// The first process of a PID namespace gets only those signals that it asks for.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() { log.Fatal(http.ListenAndServe(":"+port, nil)) }()
	<-stop
}

func (r *runner) run(w http.ResponseWriter, request *http.Request) {
	program, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxProgram))
	if err != nil || len(program) == 0 {
		http.Error(w, "send a program of at most 8 MiB", http.StatusBadRequest)
		return
	}
	argv := request.URL.Query()["arg"]
	if len(argv) == 0 {
		argv = []string{"job"}
	}
	r.slots <- struct{}{}
	defer func() { <-r.slots }()
	output, err := execute(request.Context(), program, argv)
	if err != nil {
		output = fmt.Appendf(output, "runner: %v\n", err)
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("X-Receipt", r.receipt(output))
	w.Write(output)
}

// receipt shows that the output comes from the one who has the key.
func (r *runner) receipt(output []byte) string {
	mac := hmac.New(sha256.New, r.key)
	mac.Write(output)
	return hex.EncodeToString(mac.Sum(nil))
}
