package posture

import (
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// groups of tools (facts: upstream's groups, both eras).
var groups = []struct {
	name  string
	tools []claw.ToolName
}{
	{"group:fs", []claw.ToolName{"read", "write", "edit", "apply_patch"}},
	{"group:runtime", []claw.ToolName{"exec", "process", "code_execution"}},
	{"group:sessions", []claw.ToolName{"sessions_list", "sessions_history", "sessions_send", "sessions_spawn", "sessions_yield", "subagents", "session_status", "sessions", "sessions_search", "conversations_list", "conversations_send", "conversations_turn", "suggest_task", "dismiss_task"}},
	{"group:memory", []claw.ToolName{"memory_search", "memory_get"}},
	{"group:web", []claw.ToolName{"web_search", "x_search", "web_fetch"}},
	{"group:ui", []claw.ToolName{"browser", "canvas", "screen", "dashboard", "terminal", "portal", "show_widget"}},
	{"group:automation", []claw.ToolName{"cron", "gateway", "heartbeat_respond"}},
	{"group:messaging", []claw.ToolName{"message"}},
	{"group:nodes", []claw.ToolName{"nodes", "computer"}},
	{"group:agents", []claw.ToolName{"agents_list", "get_goal", "create_goal", "update_goal", "update_plan", "progress_card", "ask_user", "skill_workshop"}},
	{"group:media", []claw.ToolName{"image", "view_image", "image_generate", "video_generate", "music_generate", "tts", "pdf"}},
}

// messagingTools is the guide's profile for chat-only bots; "message" goes
// back into the same conversation only.
var messagingTools = []claw.ToolName{"read", "image", "web_search", "session_status", "message"}

// profiles of DESIGN §4. nil means every tool.
func profileTools(name string) (tools []claw.ToolName, known bool) {
	standard := slices.Concat(messagingTools, []claw.ToolName{"write", "edit", "apply_patch", "web_fetch", "memory_search", "memory_get"})
	switch name {
	case "minimal":
		return []claw.ToolName{"session_status"}, true
	case "messaging":
		return messagingTools, true
	case "standard":
		return standard, true
	case "automation":
		return slices.Concat(standard, []claw.ToolName{"exec", "process", "cron"}, group("group:sessions")), true
	case "coding":
		return slices.Concat(group("group:fs"), group("group:runtime"), group("group:web"), group("group:sessions"), group("group:memory"),
			[]claw.ToolName{"cron", "image", "image_generate", "video_generate"}), true
	case "full":
		return nil, true
	}
	return nil, false
}

func group(name string) []claw.ToolName {
	for _, g := range groups {
		if g.name == name {
			return g.tools
		}
	}
	return nil
}

// toolAliases are other names that configurations use for a tool.
var toolAliases = map[string]claw.ToolName{"bash": "exec", "apply-patch": "apply_patch", "webfetch": "web_fetch", "websearch": "web_search"}

// expand turns names, groups and "*" into a set. all reports that a "*" let
// everything in. A name is folded to lower case; allow:["write"] also allows
// apply_patch (upstream), which a deny does not.
func expand(names []string, allow allowing) (set map[claw.ToolName]bool, all bool) {
	set = map[claw.ToolName]bool{}
	for _, n := range names {
		n = strings.ToLower(strings.TrimSpace(n))
		switch {
		case n == "*" || n == "group:openclaw":
			all = true
		case strings.HasPrefix(n, "group:"):
			for _, t := range group(n) {
				set[t] = true
			}
		case strings.Contains(n, "*"):
			for _, g := range groups {
				for _, t := range g.tools {
					if matchStar(n, string(t)) {
						set[t] = true
					}
				}
			}
		default:
			t := claw.ToolName(n)
			if a, ok := toolAliases[n]; ok {
				t = a
			}
			set[t] = true
			if t == "write" && allow == allowList {
				set["apply_patch"] = true
			}
		}
	}
	return set, all
}

// allowing tells an allow list from a deny list.
type allowing uint8

const (
	denyList allowing = iota
	allowList
)

// matchStar matches a pattern whose only special character is "*".
func matchStar(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}
