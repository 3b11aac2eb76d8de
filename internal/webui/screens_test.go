package webui_test

import (
	"strings"
	"testing"
	"time"
)

// conversation is a history with every kind of row.
func conversation() []obj {
	now := time.Now().UnixMilli()
	text := func(s string) []obj { return []obj{{"type": "text", "text": s}} }
	return []obj{
		{"role": "user", "content": text("summarise the page and run the tests"), "timestamp": now - 300_000, "from": "webchat", "runId": "r1"},
		{"role": "assistant", "content": []obj{{"type": "toolCall", "id": "c1", "name": "web_fetch", "arguments": obj{"url": "https://docs.example.org/guide"}}}, "timestamp": now - 299_000},
		{"role": "toolResult", "content": text("Welcome to the guide"), "timestamp": now - 298_000, "call": obj{"toolCallId": "c1", "name": "web_fetch", "verdict": "allow", "rule": "egress.domain_allowed", "reason": "the host is on the list", "durationMs": 812, "newLabels": []string{"untrusted"}, "status": "done", "journalSeq": 48188}},
		{"role": "assistant", "content": []obj{{"type": "toolCall", "id": "c2", "name": "exec", "arguments": obj{"command": "cat /etc/shadow"}}}, "timestamp": now - 297_000},
		{"role": "toolResult", "content": text("refused"), "timestamp": now - 296_000, "call": obj{"toolCallId": "c2", "name": "exec", "verdict": "deny", "rule": "fs.deny_path", "reason": "/etc/shadow is under tools.fs.denyPaths.", "hint": "If main needs it, move a copy into the workspace.", "where": obj{"file": "openclaw.json", "line": 31, "column": 9, "pointer": "tools.fs.denyPaths"}, "status": "refused", "journalSeq": 48190}},
		{"role": "assistant", "content": []obj{{"type": "toolCall", "id": "c3", "name": "exec", "arguments": obj{"command": "go test ./..."}}}, "timestamp": now - 295_000},
		{"role": "toolResult", "content": text("approval-pending"), "timestamp": now - 294_000, "call": obj{"toolCallId": "c3", "name": "exec", "verdict": "ask", "rule": "flow.untrusted_exec", "reason": "Untrusted text is in this session.", "where": obj{"pointer": "tools.flow.mode"}, "status": "approval-pending", "approvalId": "ap-1", "journalSeq": 48191}},
		{"role": "user", "content": text("what about me?"), "timestamp": now - 200_000, "from": "telegram:12345"},
		{"role": "assistant", "content": text("The page says **hello**."), "timestamp": now - 120_000,
			"tree": []any{[]any{"h3", "Summary"}, []any{"p", "The page says ", []any{"strong", "hello"}, " and links to ", []any{"a", "https://docs.example.org/next?x=1", "the next page"}, "."}, []any{"ul", []any{"li", "one thing"}, []any{"li", "another with ", []any{"code", "inline code"}}}, []any{"pre", "go test ./...\nok  example.org/x 0.1s"}, []any{"table", []any{"tr", []any{"th", "file"}, []any{"th", "result"}}, []any{"tr", []any{"td", "a_test.go"}, []any{"td", "passed"}}}}},
	}
}

func sessionRows() []obj {
	now := time.Now().UnixMilli()
	return []obj{
		{"key": "agent:main:main", "agentId": "main", "state": "running", "runId": "r9", "runningSinceMs": now - 14_000, "labels": []string{"untrusted", "private"}, "startedBy": "webchat", "calls": 12, "updatedAt": now - 14_000, "model": "operator/builtin",
			"lineage": []obj{{"label": []string{"untrusted"}, "from": "web page docs.example.org", "time": time.Now()}, {"label": []string{"private"}, "from": "MEMORY.md", "time": time.Now()}}},
		{"key": "agent:main:telegram:dm:12345", "agentId": "main", "state": "waiting", "labels": []string{"untrusted"}, "startedBy": "telegram:12345", "calls": 3, "updatedAt": now - 3600_000, "displayName": "Ana"},
		{"key": "agent:workbench:main", "agentId": "workbench", "state": "idle", "labels": []string{}, "startedBy": "cli", "calls": 0, "updatedAt": now - 86400_000},
	}
}

// TestScreens draws every page in both sizes and both schemes. The pictures
// are for people; the test holds that no page scrolls sideways.
func TestScreens(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.history["agent:main:main"] = conversation()
	f.sessions = sessionRows()
	f.ask(curlView("ap-1"))
	f.ask(plainView("ap-2", "git"))
	b := newTab(t)
	b.signIn(f)
	pages := []struct{ name, path, ready string }{
		{"overview", "/ui/", "document.querySelector('[data-slot=title]').textContent.includes('Look')"},
		{"approval", "/ui/approvals/ap-1", "document.querySelector('.card')?.dataset.armed === 'true'"},
		{"approvals-answered", "/ui/approvals?tab=answered", "document.body.innerText.includes('None was answered')"},
		{"chat", "/ui/chat/agent%3Amain%3Amain", "document.querySelector('.rich table')"},
		{"sessions", "/ui/sessions", "document.querySelectorAll('tbody tr').length === 3"},
		{"login", "/ui/login", "document.body.innerText.includes('openclaw dashboard')"},
	}
	for _, p := range pages {
		b.size(1400, 900)
		b.open(f.url(p.path))
		for _, size := range []struct {
			name string
			w, h int64
		}{{"d", 1400, 900}, {"p", 390, 844}} {
			b.size(size.w, size.h)
			for _, scheme := range []string{"light", "dark"} {
				b.scheme(scheme)
				b.wait("document.documentElement.dataset.conn === 'live' && " + p.ready)
				b.shot(strings.Join([]string{p.name, size.name, scheme}, "-"))
				if wide := js[int](b, "document.documentElement.scrollWidth"); wide > int(size.w) {
					t.Errorf("%s at %d px is %d px wide", p.name, size.w, wide)
				}
			}
		}
		b.clean()
	}
}
