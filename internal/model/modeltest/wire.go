package modeltest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/model"
)

func asID(s string) claw.CallID     { return claw.CallID(s) }
func asName(s string) claw.ToolName { return claw.ToolName(s) }

type object map[string]any

func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a test's own data
	}
	return string(b)
}

// arguments is what a call writes: its JSON, or its broken text.
func arguments(c model.ToolCall) string {
	if c.Invalid != "" {
		return c.Raw
	}
	return string(c.Arguments)
}

// halves splits a text so that streams have pieces, also within a rune.
func halves(s string) []string {
	if len(s) < 2 {
		return []string{s}
	}
	r := []rune(s)
	if len(r) < 2 {
		return []string{s}
	}
	return []string{string(r[:len(r)/2]), string(r[len(r)/2:])}
}

func (t Turn) calls() bool {
	for _, b := range t.Blocks {
		if b.Kind == model.BlockToolCall {
			return true
		}
	}
	return false
}

func (t Turn) stop() model.StopReason {
	switch {
	case t.Stop != "":
		return t.Stop
	case t.calls():
		return model.StopToolUse
	}
	return model.StopEnd
}

// Anthropic Messages.

func anthropicWire() wire {
	return wire{
		events: anthropicEvents, whole: anthropicWhole,
		fail: func(status int) string {
			kind := map[int]string{400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 429: "rate_limit_error", 529: "overloaded_error"}[status]
			if kind == "" {
				kind = "api_error"
			}
			return encoded(object{"type": "error", "error": object{"type": kind, "message": fmt.Sprintf("scripted failure %d", status)}})
		},
		bad: event("error", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`),
		prefix: event("message_start", `{"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1}}}`) +
			event("content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`),
		repeat: event("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"again "}}`),
	}
}

func anthropicStop(r model.StopReason) string {
	switch r {
	case model.StopToolUse:
		return "tool_use"
	case model.StopLength:
		return "max_tokens"
	case model.StopRefusal:
		return "refusal"
	case model.StopEnd, model.StopError, model.StopAborted:
		return "end_turn"
	}
	return "end_turn"
}

func anthropicEvents(t Turn) []string {
	out := []string{event("message_start", encoded(object{"type": "message_start", "message": object{
		"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-test", "content": []any{}, "stop_reason": nil,
		"usage": object{"input_tokens": t.Usage.Input, "output_tokens": 1, "cache_read_input_tokens": t.Usage.CacheRead, "cache_creation_input_tokens": t.Usage.CacheWrite},
	}}))}
	add := func(kind string, i int, key string, v object) {
		out = append(out, event(kind, encoded(object{"type": kind, "index": i, key: v})))
	}
	for i, b := range t.Blocks {
		switch b.Kind {
		case model.BlockText:
			add("content_block_start", i, "content_block", object{"type": "text", "text": ""})
			for _, p := range halves(b.Text) {
				add("content_block_delta", i, "delta", object{"type": "text_delta", "text": p})
			}
		case model.BlockThinking:
			if b.Redacted {
				add("content_block_start", i, "content_block", object{"type": "redacted_thinking", "data": b.Signature})
				break
			}
			add("content_block_start", i, "content_block", object{"type": "thinking", "thinking": "", "signature": ""})
			add("content_block_delta", i, "delta", object{"type": "thinking_delta", "thinking": b.Text})
			add("content_block_delta", i, "delta", object{"type": "signature_delta", "signature": b.Signature})
		case model.BlockToolCall:
			add("content_block_start", i, "content_block", object{"type": "tool_use", "id": b.Call.ID, "name": b.Call.Name, "input": object{}})
			for _, p := range halves(arguments(b.Call)) {
				add("content_block_delta", i, "delta", object{"type": "input_json_delta", "partial_json": p})
			}
		case model.BlockImage:
		}
		out = append(out, event("content_block_stop", encoded(object{"type": "content_block_stop", "index": i})))
		if i == 0 {
			out = append(out, event("ping", `{"type":"ping"}`))
		}
	}
	return append(out,
		event("message_delta", encoded(object{"type": "message_delta", "delta": object{"stop_reason": anthropicStop(t.stop()), "stop_sequence": nil}, "usage": object{"output_tokens": t.Usage.Output}})),
		event("message_stop", `{"type":"message_stop"}`))
}

func anthropicWhole(t Turn) string {
	var content []any
	for _, b := range t.Blocks {
		switch b.Kind {
		case model.BlockText:
			content = append(content, object{"type": "text", "text": b.Text})
		case model.BlockThinking:
			content = append(content, object{"type": "thinking", "thinking": b.Text, "signature": b.Signature})
		case model.BlockToolCall:
			content = append(content, object{"type": "tool_use", "id": b.Call.ID, "name": b.Call.Name, "input": json.RawMessage(arguments(b.Call))})
		case model.BlockImage:
		}
	}
	return encoded(object{
		"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-test", "content": content, "stop_reason": anthropicStop(t.stop()),
		"usage": object{"input_tokens": t.Usage.Input, "output_tokens": t.Usage.Output, "cache_read_input_tokens": t.Usage.CacheRead, "cache_creation_input_tokens": t.Usage.CacheWrite},
	})
}

// Chat completions.

func openaiWire() wire {
	return wire{
		base: "/v1", events: openaiEvents, whole: openaiWhole,
		fail: func(status int) string {
			return encoded(object{"error": object{"message": fmt.Sprintf("scripted failure %d", status), "type": "error", "param": nil, "code": nil}})
		},
		bad:    event("", `{"error":{"code":503,"message":"upstream is overloaded"}}`),
		repeat: event("", `{"choices":[{"index":0,"delta":{"content":"again "}}]}`),
	}
}

func openaiStop(r model.StopReason) string {
	switch r {
	case model.StopToolUse:
		return "tool_calls"
	case model.StopLength:
		return "length"
	case model.StopRefusal:
		return "content_filter"
	case model.StopEnd, model.StopError, model.StopAborted:
		return "stop"
	}
	return "stop"
}

func openaiUsage(u model.Usage) object {
	return object{
		"prompt_tokens": u.Input + u.CacheRead, "completion_tokens": u.Output, "total_tokens": u.Input + u.CacheRead + u.Output,
		"prompt_tokens_details": object{"cached_tokens": u.CacheRead},
	}
}

func openaiEvents(t Turn) []string {
	chunk := func(delta object, finish any) string {
		return event("", encoded(object{"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1775000000, "model": "gpt-test",
			"choices": []any{object{"index": 0, "delta": delta, "finish_reason": finish}}, "usage": nil}))
	}
	out := []string{chunk(object{"role": "assistant", "content": ""}, nil)}
	n := 0
	for _, b := range t.Blocks {
		switch b.Kind {
		case model.BlockText:
			for _, p := range halves(b.Text) {
				out = append(out, chunk(object{"content": p}, nil))
			}
		case model.BlockThinking:
			out = append(out, chunk(object{"reasoning_content": b.Text}, nil))
		case model.BlockToolCall:
			head := object{"index": n, "id": b.Call.ID, "type": "function", "function": object{"name": b.Call.Name, "arguments": ""}}
			out = append(out, chunk(object{"tool_calls": []any{head}}, nil))
			for _, p := range halves(arguments(b.Call)) {
				out = append(out, chunk(object{"tool_calls": []any{object{"index": n, "function": object{"arguments": p}}}}, nil))
			}
			n++
		case model.BlockImage:
		}
	}
	return append(out, chunk(object{}, openaiStop(t.stop())),
		event("", encoded(object{"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": []any{}, "usage": openaiUsage(t.Usage)})),
		event("", "[DONE]"))
}

func openaiWhole(t Turn) string {
	msg := object{"role": "assistant", "content": nil}
	var calls []any
	for _, b := range t.Blocks {
		switch b.Kind {
		case model.BlockText:
			msg["content"] = b.Text
		case model.BlockThinking:
			msg["reasoning_content"] = b.Text
		case model.BlockToolCall:
			calls = append(calls, object{"id": b.Call.ID, "type": "function", "function": object{"name": b.Call.Name, "arguments": arguments(b.Call)}})
		case model.BlockImage:
		}
	}
	if calls != nil {
		msg["tool_calls"] = calls
	}
	return encoded(object{"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-test",
		"choices": []any{object{"index": 0, "message": msg, "finish_reason": openaiStop(t.stop())}}, "usage": openaiUsage(t.Usage)})
}

// Gemini generateContent.

func geminiWire() wire {
	return wire{
		base: "/v1beta", events: geminiEvents,
		whole: func(t Turn) string {
			var list []string
			for _, e := range geminiEvents(t) {
				list = append(list, strings.TrimSuffix(strings.TrimPrefix(e, "data: "), "\n\n"))
			}
			return "[" + strings.Join(list, ",\n") + "]"
		},
		fail: func(status int) string {
			word := map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}[status]
			if word == "" {
				word = "INTERNAL"
			}
			if status == 529 {
				word = "UNAVAILABLE"
			}
			return encoded([]any{object{"error": object{"code": status, "message": fmt.Sprintf("scripted failure %d", status), "status": word}}})
		},
		bad:    event("", `{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}`),
		repeat: event("", `{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"again "}]}}]}`),
	}
}

func geminiStop(r model.StopReason) string {
	switch r {
	case model.StopLength:
		return "MAX_TOKENS"
	case model.StopRefusal:
		return "SAFETY"
	case model.StopEnd, model.StopToolUse, model.StopError, model.StopAborted:
		return "STOP"
	}
	return "STOP"
}

func geminiEvents(t Turn) []string {
	chunk := func(part any, finish string) string {
		c := object{"index": 0, "content": object{"role": "model", "parts": []any{part}}}
		out := object{"candidates": []any{c}, "modelVersion": "gemini-test", "responseId": "r1"}
		if finish != "" {
			c["finishReason"] = finish
		}
		out["usageMetadata"] = object{
			"promptTokenCount": t.Usage.Input + t.Usage.CacheRead, "candidatesTokenCount": t.Usage.Output,
			"cachedContentTokenCount": t.Usage.CacheRead, "totalTokenCount": t.Usage.Sum(),
		}
		return event("", encoded(out))
	}
	out := []string{}
	for _, b := range t.Blocks {
		switch b.Kind {
		case model.BlockText:
			for _, p := range halves(b.Text) {
				out = append(out, chunk(object{"text": p}, ""))
			}
		case model.BlockThinking:
			out = append(out, chunk(object{"text": b.Text, "thought": true, "thoughtSignature": b.Signature}, ""))
		case model.BlockToolCall:
			args := json.RawMessage(arguments(b.Call))
			if !json.Valid(args) {
				args = json.RawMessage(encoded(string(args))) // the format cannot carry broken JSON
			}
			call := object{"name": b.Call.Name, "args": args}
			if b.Call.ID != "" {
				call["id"] = b.Call.ID
			}
			out = append(out, chunk(object{"functionCall": call, "thoughtSignature": b.Signature}, ""))
		case model.BlockImage:
		}
	}
	return append(out, chunk(object{"text": ""}, geminiStop(t.stop())))
}
