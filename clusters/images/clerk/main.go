// Clerk is a small service for labs about what pods may do: it stamps lines, keeps the last one in
// a file, reads another, and asks the Kubernetes API with its own service account. Settings tell
// which of these it does.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
)

const usage = "usage: clerk serve | clerk look | clerk ask METHOD PATH | clerk prepare FOLDER UID"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "clerk:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch command := strings.Join(args[:min(1, len(args))], ""); {
	case command == "serve" && len(args) == 1:
		return serve()
	case command == "look" && len(args) == 1:
		look(os.Stdout)
		return nil
	case command == "ask" && len(args) == 3:
		status, body, err := ask(args[1], args[2])
		if err == nil {
			fmt.Printf("%d\n%s\n", status, body)
		}
		return err
	case command == "prepare" && len(args) == 3:
		return prepare(args[1], args[2])
	}
	return fmt.Errorf(usage)
}

// serve answers on LISTEN. Whatever the page is asked for is done anew each time.
func serve() error {
	if file := os.Getenv("LEDGER"); file != "" {
		if err := keep(file, "opened"); err != nil {
			return err
		}
	}
	address := os.Getenv("LISTEN")
	if address == "" {
		address = ":8080"
	}
	return http.ListenAndServe(address, http.HandlerFunc(page))
}
