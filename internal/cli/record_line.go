package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/journal"
)

// recordText says what an entry is about in a few words.
func recordText(r journal.Record) string {
	d := struct {
		Tool      string     `json:"tool"`
		Verdict   string     `json:"verdict"`
		Rule      string     `json:"rule"`
		Status    string     `json:"status"`
		Reason    string     `json:"reason"`
		Command   [][]string `json:"command"`
		Direction string     `json:"direction"`
		Bytes     int        `json:"bytes"`
		Decision  uint64     `json:"decision"`
		TookMs    int64      `json:"tookMs"`
		Run       struct {
			ExitCode int    `json:"exitCode"`
			Enforced string `json:"enforced"`
		} `json:"run"`
		State string `json:"state"`
		Scope string `json:"scope"`
		By    struct {
			Surface string `json:"surface"`
		} `json:"by"`
		Client string `json:"client"`
		From   string `json:"from"`
		Count  any    `json:"count"`
		Source string `json:"source"`
	}{}
	if json.Unmarshal(r.Data, &d) != nil {
		return short(string(r.Data), 80)
	}
	switch {
	case r.Phase == chain.Intent && len(d.Command) > 0:
		return "starts " + commandText(d.Command)
	case r.Phase == chain.Intent:
		return fmt.Sprintf("starts %s (decided in %d)", d.Tool, d.Decision)
	case r.Phase == chain.Outcome && d.Status == "unknown":
		return fmt.Sprintf("outcome unknown of %d: %s", r.Ref, d.Reason)
	case r.Phase == chain.Outcome && d.Run.Enforced != "":
		return fmt.Sprintf("%s: exit %d, %s, %d ms", d.Status, d.Run.ExitCode, d.Run.Enforced, d.TookMs)
	case r.Phase == chain.Outcome:
		return strings.TrimSpace(fmt.Sprintf("%s %s, %d ms %s", d.Tool, d.Status, d.TookMs, d.Rule))
	case d.Verdict != "":
		return strings.TrimSpace(strings.Join([]string{d.Tool, d.Verdict, d.Rule}, " "))
	case d.Direction != "":
		return fmt.Sprintf("%s, %d bytes", d.Direction, d.Bytes)
	case d.State != "" && d.By.Surface != "":
		return strings.TrimSpace(fmt.Sprintf("%s %s by %s", d.State, d.Scope, d.By.Surface))
	case d.Client != "":
		return strings.TrimSpace(d.Client + " from " + d.From)
	case d.Source != "" && d.Count != nil:
		return fmt.Sprintf("%v from %s", d.Count, d.Source)
	case d.Tool != "" || d.Rule != "":
		return strings.TrimSpace(d.Tool + " " + d.Rule)
	}
	return short(string(r.Data), 80)
}

// commandText writes a recorded command line for people; the words were masked
// before they were recorded.
func commandText(commands [][]string) string {
	parts := make([]string, 0, len(commands))
	for _, c := range commands {
		parts = append(parts, strings.Join(c, " "))
	}
	return short(strings.Join(parts, " ; "), 100)
}
