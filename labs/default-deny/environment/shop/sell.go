package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
)

// part is what one role adds to an order.
type part struct {
	Name  string `json:"name"`
	From  string `json:"from"`
	Stamp string `json:"stamp"`
	Error string `json:"error"`
}

// stamp proves that a role with this secret has seen the order.
func stamp(order string) string {
	sum := sha256.Sum256([]byte(os.Getenv("STAMP") + ":" + order))
	return fmt.Sprintf("%x", sum[:6])
}

// desk is payments or parcels: it stamps orders.
func desk() error {
	return serve(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		fmt.Fprint(w, stamp(r.URL.Query().Get("order")))
	})
}

// api puts an order together.
func api() error {
	store := &connection{address: os.Getenv("DB")}
	go store.keep()
	return serve(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		order := r.URL.Query().Get("order")
		if order == "" || len(order) > 64 || strings.ContainsAny(order, " \r\n") {
			order = "1"
		}
		parts := []part{
			{Name: "stock", From: os.Getenv("DB")},
			{Name: "payment", From: os.Getenv("PAYMENTS")},
			{Name: "parcel", From: os.Getenv("PARCELS")},
		}
		var all sync.WaitGroup
		for i := range parts {
			all.Go(func() { parts[i].fill(order, store) })
		}
		all.Wait()
		for _, p := range parts {
			if p.Error != "" {
				w.WriteHeader(http.StatusBadGateway)
				break
			}
		}
		json.NewEncoder(w).Encode(parts)
	})
}

func (p *part) fill(order string, store *connection) {
	var err error
	if p.Name == "stock" {
		p.Stamp, err = store.ask("GET " + order)
	} else {
		p.Stamp, _, err = ask(p.From, url.Values{"order": {order}}, patience)
	}
	if err != nil {
		p.Stamp, p.Error = "", err.Error()
	}
}

// web is the page that customers see.
func web() error {
	return serve(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		from := os.Getenv("API")
		// Longer than api's own patience: its answer tells more than silence.
		body, status, err := ask(from, r.URL.Query(), 3*patience)
		var parts []part
		if err == nil && json.Unmarshal([]byte(body), &parts) != nil {
			err = fmt.Errorf("%d %s", status, strings.TrimSpace(body))
		}
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprintf(w, "The shop is out of order.\n  api      FAILED  %s: %v\n", from, err)
			return
		}
		if status != http.StatusOK {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprintln(w, "The shop is out of order.")
		} else {
			fmt.Fprintln(w, "The shop is open. Your order:")
		}
		for _, p := range parts {
			if p.Error != "" {
				fmt.Fprintf(w, "  %-8s FAILED  %s: %s\n", p.Name, p.From, p.Error)
			} else {
				fmt.Fprintf(w, "  %-8s ok      %s: %s\n", p.Name, p.From, p.Stamp)
			}
		}
	})
}
