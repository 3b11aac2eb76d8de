package answer

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Kind is a kind of effect.
type Kind string

// Kinds of effects.
const (
	ReadFile  Kind = "read"
	WriteFile Kind = "write"
	Run       Kind = "run"
	RunOther  Kind = "run-other" // a program on no list
	RunListed Kind = "run-listed"
	Get       Kind = "get"
	Post      Kind = "post"
	Reply     Kind = "reply"
	SendTo    Kind = "send"
	Spawn     Kind = "spawn"
	Schedule  Kind = "schedule"
	Configure Kind = "configure"
	Use       Kind = "use"
	Leak      Kind = "leak"
)

// Goal is the effect that a question is about.
type Goal struct {
	Kind Kind `json:"kind"`
	// Arg is a path, a command, a host, a target, an agent or a tool.
	Arg string `json:"arg,omitempty"`
	// To is where a leak goes; "" is anywhere.
	To string `json:"to,omitempty"`
}

// String writes a goal as a question does.
func (g Goal) String() string {
	out := strings.TrimSpace(string(g.Kind) + " " + g.Arg)
	if g.To != "" {
		out += " to " + g.To
	}
	return out
}

// WhatHelp says what a question may ask for.
const WhatHelp = `read PATH, write PATH, run COMMAND, get HOST, post HOST, reply,
send CHANNEL:ID, spawn [AGENT], schedule, configure, use TOOL,
leak PATH [to HOST|CHANNEL:ID]`

// What reads the effect that a question means.
func What(text string) (Goal, error) {
	verb, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	rest = strings.TrimSpace(rest)
	need := func(g Goal, what string) (Goal, error) {
		if g.Arg == "" {
			return Goal{}, fmt.Errorf("answer: %q lacks %s; expected one of %s", text, what, WhatHelp)
		}
		return g, nil
	}
	switch strings.ToLower(verb) {
	case "read":
		return need(Goal{Kind: ReadFile, Arg: rest}, "a path")
	case "write", "edit", "change", "delete":
		return need(Goal{Kind: WriteFile, Arg: rest}, "a path")
	case "run", "exec":
		return need(Goal{Kind: Run, Arg: rest}, "a command")
	case "get", "fetch":
		host, err := hostName(rest)
		if err != nil {
			return Goal{}, err
		}
		return Goal{Kind: Get, Arg: host}, nil
	case "post", "upload":
		host, err := hostName(rest)
		if err != nil {
			return Goal{}, err
		}
		return Goal{Kind: Post, Arg: host}, nil
	case "reply":
		return Goal{Kind: Reply}, nil
	case "send", "message":
		return need(Goal{Kind: SendTo, Arg: rest}, "a conversation")
	case "spawn":
		return Goal{Kind: Spawn, Arg: rest}, nil
	case "schedule":
		return Goal{Kind: Schedule}, nil
	case "configure", "config":
		return Goal{Kind: Configure}, nil
	case "use":
		return need(Goal{Kind: Use, Arg: strings.ToLower(rest)}, "a tool")
	case "leak":
		file, to, _ := strings.Cut(rest, " to ")
		return need(Goal{Kind: Leak, Arg: strings.TrimSpace(file), To: strings.TrimSpace(to)}, "a path")
	}
	return Goal{}, fmt.Errorf("answer: %q is no effect; expected one of %s", text, WhatHelp)
}

// hostName reads a host or an address of a page.
func hostName(text string) (string, error) {
	name := text
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil {
			return "", fmt.Errorf("answer: %q is no address", text)
		}
		name = u.Hostname()
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if i := strings.IndexByte(name, '/'); i >= 0 {
		name = name[:i]
	}
	if name == "" || strings.ContainsAny(name, " @*") {
		return "", fmt.Errorf("answer: %q is no host; expected a name such as docs.example.org", text)
	}
	return name, nil
}

// abs is the absolute path that text means to an agent; "" without workspace.
func (w *World) abs(a *posture.Agent, text string) string {
	switch {
	case text == "~" || strings.HasPrefix(text, "~/"):
		if w.Home == "" {
			return ""
		}
		return path.Join(w.Home, text[1:])
	case path.IsAbs(text):
		return path.Clean(text)
	case a.Workspace == "":
		return ""
	}
	return path.Join(a.Workspace, text)
}

// target reads a conversation.
func target(text string) (claw.ChannelID, string) {
	channel, to, ok := strings.Cut(text, ":")
	if !ok {
		return "any", text
	}
	return claw.ChannelID(channel), to
}
