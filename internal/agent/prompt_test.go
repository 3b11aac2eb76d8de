package agent_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/policy"
)

func prompt(files map[string]string, change func(*agent.PromptInput)) []model.SystemPart {
	in := agent.PromptInput{Turn: agent.Turn{Agent: "main", Audience: policy.Send{OwnersOnly: true}}, Workspace: "/home/ana/work", Tools: []claw.ToolName{"read", "exec"},
		Level: "isolated", Date: "2026-04-08", Zone: "UTC", Read: func(name string) (string, bool) { s, ok := files[name]; return s, ok }}
	if change != nil {
		change(&in)
	}
	return agent.Prompt(in)
}

func text(parts []model.SystemPart) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text + "\n")
	}
	return b.String()
}

func TestPrompt(t *testing.T) {
	files := map[string]string{"AGENTS.md": "be kind", "SOUL.md": "NEVER leak", "USER.md": "Ana lives in Graz", "MEMORY.md": "door code 4711", "OTHER.md": "not this"}
	parts := prompt(files, nil)
	got := text(parts)
	for _, want := range []string{`agent "main"`, "read, exec", "/home/ana/work", "isolated", "be kind", "NEVER leak", "Ana lives in Graz", "4711", "2026-04-08", "approval-pending", agent.NoReply} {
		if !strings.Contains(got, want) {
			t.Errorf("prompt has no %q", want)
		}
	}
	if strings.Contains(got, "not this") {
		t.Error("another file is in the prompt")
	}
	// What changes daily comes after what a provider may keep.
	if n := len(parts); !parts[n-2].Cache || parts[n-1].Cache || strings.Contains(parts[n-2].Text+parts[0].Text, "2026-04-08") {
		t.Errorf("cache marks: %+v", parts)
	}
}

// What is private goes only where owners alone read.
func TestR04PrivateFilesStayWithOwners(t *testing.T) {
	files := map[string]string{"AGENTS.md": "be kind", "USER.md": "Ana lives in Graz", "MEMORY.md": "door code 4711"}
	got := text(prompt(files, func(in *agent.PromptInput) { in.Turn.Audience.OwnersOnly = false }))
	if strings.Contains(got, "Graz") || strings.Contains(got, "4711") || !strings.Contains(got, "be kind") {
		t.Errorf("prompt is %q", got)
	}
}

func TestPromptLimits(t *testing.T) {
	big := strings.Repeat("ä", 30000)
	got := text(prompt(map[string]string{"AGENTS.md": big, "SOUL.md": big, "TOOLS.md": "short", "IDENTITY.md": "left"}, func(in *agent.PromptInput) { in.FileChars, in.TotalChars = 1000, 1500 }))
	if n := strings.Count(got, "ä"); n != 1500 || !utf8.ValidString(got) {
		t.Errorf("%d characters of files", n)
	}
	if strings.Count(got, "(cut: the file is longer than") != 2 || !strings.Contains(got, "## TOOLS.md\n(left out") || strings.Contains(got, "short") {
		t.Errorf("prompt is %q", strings.ReplaceAll(got, "ä", ""))
	}
	if n := strings.Count(text(prompt(map[string]string{"AGENTS.md": big}, nil)), "ä"); n != agent.DefaultFileChars {
		t.Errorf("%d characters by default", n)
	}
	for name, change := range map[string]func(*agent.PromptInput){"no reader": func(in *agent.PromptInput) { in.Read = nil }, "no tools": func(in *agent.PromptInput) { in.Tools = nil }} {
		if parts := prompt(nil, change); len(parts) < 2 || !parts[len(parts)-2].Cache {
			t.Errorf("%s: %+v", name, parts)
		}
	}
	if got := text(prompt(nil, nil)); !strings.Contains(got, "## SOUL.md\n(missing)") || strings.Contains(got, "## TOOLS.md") {
		t.Errorf("missing files: %q", got)
	}
}
