// Shop is the service that the lab is about: it takes orders, and signs each with a secret key
// that it got in its environment. It remembers who asks for its health, as an access log would.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
)

const maxOrder = 64

type shop struct {
	key      []byte
	lock     sync.Mutex
	orders   int
	last     string
	watchers []watcher
}

// watcher is who looks at /health: from which address, at which of shop's own, how often.
type watcher struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Looks int    `json:"looks"`
}

func main() {
	s := &shop{key: []byte(os.Getenv("SHOP_KEY"))}
	if len(s.key) == 0 {
		log.Fatal("SHOP_KEY is not set: shop cannot sign orders")
	}
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "shop is open. To order: curl --data tea ADDRESS/orders\n")
	})
	http.HandleFunc("POST /orders", s.order)
	http.HandleFunc("GET /health", s.health)
	http.HandleFunc("GET /watchers", s.listWatchers)
	http.HandleFunc("GET /whoami", func(w http.ResponseWriter, r *http.Request) {
		from, to := ends(r)
		reply(w, map[string]string{"from": from, "to": to})
	})
	// The first process of a PID namespace gets only those signals that it asks for.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() { log.Fatal(http.ListenAndServe(":8080", nil)) }()
	<-stop
	log.Print("asked to stop")
}

// order takes an order and gives a receipt that only the holder of the key can make.
func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrder))
	item := strings.TrimSpace(string(body))
	if err != nil || item == "" || strings.ContainsAny(item, "\r\n") {
		http.Error(w, "an order is one short line", http.StatusBadRequest)
		return
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(item))
	s.lock.Lock()
	s.orders++
	s.last = item
	s.lock.Unlock()
	reply(w, map[string]string{"order": item, "receipt": hex.EncodeToString(mac.Sum(nil))})
}

func (s *shop) health(w http.ResponseWriter, r *http.Request) {
	from, to := ends(r)
	s.lock.Lock()
	defer s.lock.Unlock()
	s.remember(from, to)
	reply(w, map[string]any{"open": true, "orders": s.orders, "last": s.last})
}

func (s *shop) remember(from, to string) {
	for i, known := range s.watchers {
		if known.From == from && known.To == to {
			s.watchers[i].Looks++
			return
		}
	}
	s.watchers = append(s.watchers, watcher{from, to, 1})
}

// listWatchers tells who has looked at /health since shop was started.
func (s *shop) listWatchers(w http.ResponseWriter, _ *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	reply(w, append([]watcher{}, s.watchers...))
}

// ends are the two addresses of a request's connection: the client's without, shop's with port.
func ends(r *http.Request) (from, to string) {
	from, _, _ = net.SplitHostPort(r.RemoteAddr)
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		to = local.String()
	}
	return from, to
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value)
}
