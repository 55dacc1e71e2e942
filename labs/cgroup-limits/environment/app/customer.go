package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// customer takes what the hog uploads, and on GET /measure does business with the victim.
func customer([]string) error {
	sink, err := net.Listen("tcp", ":9000")
	if err != nil {
		return err
	}
	go func() {
		for {
			line, err := sink.Accept()
			if err != nil {
				continue
			}
			go func() {
				io.Copy(io.Discard, line)
				line.Close()
			}()
		}
	}()
	http.HandleFunc("GET /measure", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, measure("http://"+env("VICTIM", "engine:8080")))
	})
	return http.ListenAndServe(":7000", nil)
}

// measure asks for every piece of work once, each on a connection of its own.
func measure(url string) map[string]outcome {
	client := http.Client{
		Timeout:   patience,
		Transport: &http.Transport{DisableKeepAlives: true},
	}
	all := map[string]outcome{}
	for _, resource := range resources {
		if resource == "network" {
			all[resource] = fetch(&client, url+"/", nil)
			continue
		}
		var inside outcome
		whole := fetch(&client, url+"/work/"+resource, &inside)
		if whole.Error == "" {
			whole = inside // without the way there and back, which is the network's row
		}
		all[resource] = whole
	}
	return all
}

func fetch(client *http.Client, url string, into any) outcome {
	began := time.Now()
	result := outcome{}
	fail := func(text string) outcome {
		result.Error = text
		return result
	}
	answer, err := client.Get(url)
	if err != nil {
		if since := time.Since(began); since > patience/2 {
			return fail("timeout")
		}
		return fail("down")
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return fail("timeout")
	}
	if answer.StatusCode != http.StatusOK {
		return fail(fmt.Sprint(answer.StatusCode))
	}
	if into != nil && json.Unmarshal(body, into) != nil {
		return fail("garbled")
	}
	result.Ms = float64(time.Since(began).Microseconds()) / 1000
	return result
}
