package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const hogURL = "http://127.0.0.1:9090"

// latency prints a line a second: what each piece of the victim's work takes, in milliseconds.
func latency(args []string) error {
	flags := flag.NewFlagSet("latency", flag.ExitOnError)
	lines := flags.Int("n", 0, "end after so many lines")
	flags.Parse(args)
	client := http.Client{Timeout: patience * 6}
	before, since := int64(-1), time.Now()
	for i := 0; *lines == 0 || i < *lines; i++ {
		if i%20 == 0 {
			fmt.Printf("%-10s", "ms for:")
			for _, resource := range resources {
				fmt.Printf("%11s", resource)
			}
			fmt.Printf("%18s\n", "hog writes MB/s")
		}
		began := time.Now()
		answer, err := client.Get("http://customer:7000/measure")
		if err != nil {
			return err
		}
		var all map[string]outcome
		err = json.NewDecoder(answer.Body).Decode(&all)
		answer.Body.Close()
		if err != nil {
			return err
		}
		fmt.Printf("%-10s", began.Format("15:04:05"))
		for _, resource := range resources {
			cell := fmt.Sprintf("%.0f", all[resource].Ms)
			if text := all[resource].Error; text != "" {
				cell = strings.ToUpper(text)
			}
			fmt.Printf("%11s", cell)
		}
		blocks, at := written(), time.Now()
		speed := "-"
		if i > 0 && before >= 0 && blocks >= before {
			rate := float64((blocks-before)*blockSize) / 1e6 / at.Sub(since).Seconds()
			speed = fmt.Sprintf("%.1f", rate)
		}
		before, since = blocks, at
		fmt.Printf("%18s\n", speed)
		if *lines == 0 || i < *lines-1 {
			time.Sleep(time.Second - min(time.Since(began), time.Second))
		}
	}
	return nil
}

// written is how many blocks the hog says it wrote; -1 when it does not answer.
func written() int64 {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get(hogURL)
	if err != nil {
		return -1
	}
	defer answer.Body.Close()
	var state struct{ Disk struct{ Done int64 } }
	if json.NewDecoder(answer.Body).Decode(&state) != nil {
		return -1
	}
	return state.Disk.Done
}

// noise asks the hog for noise and returns at once.
func noise(args []string) error {
	usage := fmt.Errorf("usage: noise %s|all [SECONDS]", strings.Join(resources, "|"))
	if len(args) < 1 || len(args) > 2 {
		return usage
	}
	seconds := "20"
	if len(args) == 2 {
		seconds = args[1]
	}
	client := http.Client{Timeout: patience}
	url := fmt.Sprintf("%s/noise/%s?seconds=%s", hogURL, args[0], seconds)
	answer, err := client.Post(url, "", nil)
	if err != nil {
		return fmt.Errorf("the hog does not answer: %w", err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusAccepted {
		return usage
	}
	fmt.Print(string(text))
	return nil
}
