package gemini

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// schema is the part of JSON Schema that the API understands.
type schema struct {
	Type        string             `json:"type,omitempty"`
	Format      string             `json:"format,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Nullable    bool               `json:"nullable,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	Minimum     *float64           `json:"minimum,omitempty"`
	Maximum     *float64           `json:"maximum,omitempty"`
	MinItems    *int               `json:"minItems,omitempty"`
	MaxItems    *int               `json:"maxItems,omitempty"`
	MinLength   *int               `json:"minLength,omitempty"`
	MaxLength   *int               `json:"maxLength,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
}

// full is JSON Schema as tools write it.
type full struct {
	Ref         string                     `json:"$ref"`
	Defs        map[string]json.RawMessage `json:"$defs"`
	Definitions map[string]json.RawMessage `json:"definitions"`
	Type        json.RawMessage            `json:"type"`
	Format      string                     `json:"format"`
	Title       string                     `json:"title"`
	Description string                     `json:"description"`
	Enum        []any                      `json:"enum"`
	Const       json.RawMessage            `json:"const"`
	Properties  map[string]json.RawMessage `json:"properties"`
	Required    []string                   `json:"required"`
	Items       json.RawMessage            `json:"items"`
	AnyOf       []json.RawMessage          `json:"anyOf"`
	OneOf       []json.RawMessage          `json:"oneOf"`
	AllOf       []json.RawMessage          `json:"allOf"`
	Minimum     *float64                   `json:"minimum"`
	Maximum     *float64                   `json:"maximum"`
	MinItems    *int                       `json:"minItems"`
	MaxItems    *int                       `json:"maxItems"`
	MinLength   *int                       `json:"minLength"`
	MaxLength   *int                       `json:"maxLength"`
	Pattern     string                     `json:"pattern"`
}

const (
	maxSchemaDepth = 32
	maxSchemaNodes = 4096
)

type converter struct {
	defs  map[string]json.RawMessage
	nodes int
}

// convert rewrites a tool's schema for the API. What the API has no word for
// is left out, which widens what the model may write and nothing else: the
// tool checks its arguments itself. A reference is put in place; one that
// leads to itself, or is not in the schema, is an error. An object without
// properties becomes no schema at all, as the API wants.
func convert(raw json.RawMessage) (*schema, error) {
	var top full
	if err := json.Unmarshal(raw, &top); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	c := &converter{defs: map[string]json.RawMessage{}}
	for prefix, defs := range map[string]map[string]json.RawMessage{"#/$defs/": top.Defs, "#/definitions/": top.Definitions} {
		for k, v := range defs {
			c.defs[prefix+k] = v
		}
	}
	s, err := c.node(raw, 0)
	if err != nil {
		return nil, err
	}
	if s.Type == "OBJECT" && len(s.Properties) == 0 {
		return nil, nil
	}
	return s, nil
}

func (c *converter) node(raw json.RawMessage, depth int) (*schema, error) {
	if c.nodes++; depth > maxSchemaDepth || c.nodes > maxSchemaNodes {
		return nil, errors.New("schema is too deep or leads to itself")
	}
	if s := strings.TrimSpace(string(raw)); s == "true" || s == "{}" {
		return &schema{}, nil
	}
	var f full
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if f.Ref != "" {
		def, ok := c.defs[f.Ref]
		if !ok {
			return nil, fmt.Errorf("schema refers to %q, which it does not hold", f.Ref)
		}
		s, err := c.node(def, depth+1)
		if err == nil && f.Description != "" {
			s.Description = f.Description
		}
		return s, err
	}
	out := &schema{
		Title: f.Title, Description: f.Description, Required: f.Required, Minimum: f.Minimum, Maximum: f.Maximum,
		MinItems: f.MinItems, MaxItems: f.MaxItems, MinLength: f.MinLength, MaxLength: f.MaxLength, Pattern: f.Pattern,
	}
	out.setType(f.Type)
	out.setEnum(f)
	switch f.Format {
	case "enum", "date-time", "int32", "int64", "float", "double":
		out.Format = f.Format
	}
	return out, c.children(out, f, depth)
}

func (c *converter) children(out *schema, f full, depth int) error {
	for name, raw := range f.Properties {
		s, err := c.node(raw, depth+1)
		if err != nil {
			return err
		}
		if out.Properties == nil {
			out.Properties = map[string]*schema{}
		}
		out.Properties[name] = s
	}
	if len(f.Items) > 0 {
		s, err := c.node(f.Items, depth+1)
		if err != nil {
			return err
		}
		out.Items = s
	} else if out.Type == "ARRAY" {
		out.Items = &schema{Type: "STRING"} // the API refuses an array without
	}
	for _, raw := range append(f.AnyOf, f.OneOf...) {
		s, err := c.node(raw, depth+1)
		if err != nil {
			return err
		}
		if s.Type == "NULL" {
			out.Nullable = true
			continue
		}
		out.AnyOf = append(out.AnyOf, s)
	}
	for _, raw := range f.AllOf {
		s, err := c.node(raw, depth+1)
		if err != nil {
			return err
		}
		out.merge(s)
	}
	out.prune()
	return nil
}

func (s *schema) setType(raw json.RawMessage) {
	var one string
	var many []string
	if json.Unmarshal(raw, &one) == nil {
		many = []string{one}
	} else if json.Unmarshal(raw, &many) != nil {
		return
	}
	var types []string
	for _, t := range many {
		if t == "null" && len(many) > 1 {
			s.Nullable = true
			continue
		}
		types = append(types, strings.ToUpper(t))
	}
	if len(types) == 1 {
		s.Type = types[0]
		return
	}
	for _, t := range types {
		s.AnyOf = append(s.AnyOf, &schema{Type: t})
	}
}

// setEnum keeps choices among strings; the API knows no others.
func (s *schema) setEnum(f full) {
	for _, v := range f.Enum {
		text, ok := v.(string)
		if !ok {
			s.Enum = nil
			return
		}
		s.Enum = append(s.Enum, text)
	}
	var constant string
	if len(f.Const) > 0 && json.Unmarshal(f.Const, &constant) == nil {
		s.Enum = []string{constant}
	}
	if len(s.Enum) > 0 && s.Type == "" && len(s.AnyOf) == 0 {
		s.Type = "STRING"
	}
}

// merge takes over what an allOf branch adds.
func (s *schema) merge(o *schema) {
	if s.Type == "" {
		s.Type = o.Type
	}
	if s.Description == "" {
		s.Description = o.Description
	}
	for k, v := range o.Properties {
		if s.Properties == nil {
			s.Properties = map[string]*schema{}
		}
		s.Properties[k] = v
	}
	s.Required = append(s.Required, o.Required...)
	if len(s.Enum) == 0 {
		s.Enum = o.Enum
	}
	if s.Items == nil {
		s.Items = o.Items
	}
	s.AnyOf = append(s.AnyOf, o.AnyOf...)
}

// prune drops required names that are no properties, which the API refuses.
func (s *schema) prune() {
	kept := s.Required[:0:0]
	for _, name := range s.Required {
		if _, ok := s.Properties[name]; ok {
			kept = append(kept, name)
		}
	}
	s.Required = kept
}
