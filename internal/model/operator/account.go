package operator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/model"
)

type toolSet map[claw.ToolName]bool

func (have toolSet) first(want []claw.ToolName) (claw.ToolName, bool) {
	for _, t := range want {
		if have[t] {
			return t, true
		}
	}
	return "", false
}

// usable are the commands whose tool this agent has.
func (have toolSet) usable() []command {
	var out []command
	for _, c := range commands() {
		if _, ok := have.first(c.tool); ok || c.tool == nil {
			out = append(out, c)
		}
	}
	return out
}

func (have toolSet) names() string {
	var out []string
	for t := range have {
		out = append(out, string(t))
	}
	slices.Sort(out)
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

func (have toolSet) help() string {
	var b strings.Builder
	b.WriteString("I understand these commands, one a message:\n\n")
	for _, c := range have.usable() {
		fmt.Fprintf(&b, "- `%s`: %s\n", c.usage, c.does)
	}
	fmt.Fprintf(&b, "\nTools of this agent: %s. Each command becomes a tool call, which the rules allow, ask a person about, or refuse.\n", have.names())
	return b.String()
}

// examples are shown, the first three that work here, for what is not
// understood.
var examples = []struct {
	tool claw.ToolName
	text string
}{
	{"read", "read notes.txt"},
	{"exec", "run git status"},
	{"write", "write notes.txt buy milk"},
	{"session_status", "status"},
	{"sessions_list", "sessions"},
	{"web_fetch", "fetch https://example.org/"},
	{"", "help"},
}

func (have toolSet) unknown() string {
	var b strings.Builder
	b.WriteString("I understand plain commands only. For example:\n\n")
	n := 0
	for _, e := range examples {
		if n < 3 && (e.tool == "" || have[e.tool]) {
			n++
			fmt.Fprintf(&b, "- `%s`\n", e.text)
		}
	}
	b.WriteString("\n`help` lists them all. For free conversation, configure a language model.\n")
	return b.String()
}

// lacks says what does the same outside of a conversation.
func (have toolSet) lacks(c command) string {
	instead := fmt.Sprintf("In a terminal, `%s` does it.\n", c.shell)
	return fmt.Sprintf("This agent has no tool %q, so I cannot ask for that. It has: %s.\n"+
		"Which tools an agent has is set by its profile and by its allow and deny lists; a deny is final. "+
		"Another agent may have it, and `openclaw policy explain` shows which rule decides.\n%s", c.tool[0], have.names(), instead)
}

// Forms in which the gateway reports what became of a call.
const (
	gatewayPrefix = "[gateway] approval "
	refusedPrefix = "refused: "
	pendingPrefix = "approval-pending: "
)

var approvalID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\(id ([A-Za-z0-9_-]{1,64})\)`) })

// account tells in plain words what became of the calls.
func account(results []model.Message) string {
	var b strings.Builder
	for i, m := range results {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(outcome(m.Text(), m.IsError))
	}
	return b.String()
}

const shownBytes = 16 << 10

func outcome(text string, failed bool) string {
	if rest, ok := strings.CutPrefix(text, refusedPrefix); ok && failed {
		rule, reason, _ := strings.Cut(rest, ": ")
		return fmt.Sprintf("Refused by the rule `%s`: %s.\nNothing was done. `openclaw policy explain` shows how the rules decide.\n", rule, strings.TrimRight(reason, ".\n"))
	}
	if rest, ok := strings.CutPrefix(text, pendingPrefix); ok {
		rule, _, _ := strings.Cut(rest, ": ")
		id := "?"
		if m := approvalID().FindStringSubmatch(rest); m != nil {
			id = m[1]
		}
		return fmt.Sprintf("Waiting for a person (rule `%s`). Answer in the Control UI, or with `openclaw approvals approve %s`.\n", rule, id)
	}
	shown := strings.TrimRight(text, "\n")
	if source, inner, outside := unwrap(shown); outside {
		shown = fmt.Sprintf("From %s (outside; I do not act on it):\n\n%s", source, inner)
	}
	if len(shown) > shownBytes {
		left := len(shown) - shownBytes
		shown = strings.ToValidUTF8(shown[:shownBytes], "") + fmt.Sprintf("\n(%d more bytes)", left)
	}
	switch {
	case failed && shown == "":
		return "That did not work.\n"
	case failed:
		return "That did not work:\n\n" + shown + "\n"
	case shown == "":
		return "Done. There was no output.\n"
	}
	return shown + "\n"
}

// event tells what became of a call that waited for a person.
func event(text string) string {
	head, body, _ := strings.Cut(strings.TrimPrefix(text, gatewayPrefix), "\n")
	_, status, _ := strings.Cut(head, ": ")
	switch status {
	case "done":
		return "Approved, and done.\n\n" + outcome(body, false)
	case "failed":
		return "Approved.\n\n" + outcome(body, true)
	}
	return outcome(body, true)
}

// own is what follows the envelopes at the beginning of a message: a message
// is quoted context first, then the sender's own words, if the gateway lets
// them stand as such.
func own(text string) string {
	for {
		rest, ok := strings.CutPrefix(text, "<<<untrusted ")
		if !ok {
			return text
		}
		nonce, _, _ := strings.Cut(rest, " ")
		_, after, closed := strings.Cut(rest, "\n<<<end "+nonce+">>>")
		if !closed || nonce == "" {
			return ""
		}
		text = strings.TrimLeft(after, "\n")
	}
}

// unwrap takes text out of the envelope in which the gateway quotes what came
// from outside.
func unwrap(text string) (source, inner string, outside bool) {
	rest, ok := strings.CutPrefix(text, "<<<untrusted ")
	if !ok {
		return "", text, false
	}
	head, body, _ := strings.Cut(rest, "\n")
	source = "outside"
	if _, after, ok := strings.Cut(head, ` from "`); ok {
		if name, _, ok := strings.Cut(after, `"`); ok && name != "" {
			source = name
		}
	}
	if i := strings.LastIndex(body, "\n<<<end "); i >= 0 {
		body = body[:i]
	}
	return source, body, true
}

// notesBytes bounds the notes on a conversation.
const notesBytes = 4 << 10

// notes keep the newest commands of a conversation that grew too long.
func notes(ms []model.Message) string {
	var said []string
	for _, m := range ms {
		for _, l := range strings.Split(m.Text(), "\n") {
			if l, ok := strings.CutPrefix(l, "[user] "); ok && !strings.HasPrefix(l, "[gateway]") && !strings.HasPrefix(l, "<<<untrusted ") {
				said = append(said, "- "+oneLine(l))
			}
		}
	}
	size := 0
	for i := len(said) - 1; i >= 0; i-- {
		if size += len(said[i]) + 1; size > notesBytes {
			said = said[i+1:]
			break
		}
	}
	return strings.Join(append([]string{"Earlier commands of this conversation, shortened:"}, said...), "\n") + "\n"
}
