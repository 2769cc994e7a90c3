// SPDX-License-Identifier: GPL-3.0-or-later

// Publishes learning events with the CloudEvents SDK of Go in the form that FORM names: the client in both of its
// modes, and a batch. The events are in the environment as JSON. Prints the statuses of the responses.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

type learningEvent struct {
	ID, Source, Type, Subject string
	Data                      map[string]any
}

func made(e learningEvent) cloudevents.Event {
	event := cloudevents.NewEvent()
	event.SetID(e.ID)
	event.SetSource(e.Source)
	event.SetType(e.Type)
	event.SetSubject(e.Subject)
	event.SetTime(time.Now())
	if err := event.SetData(cloudevents.ApplicationJSON, e.Data); err != nil {
		log.Fatal(err)
	}
	return event
}

func sendBatch(ctx context.Context, url, token string, events []cloudevents.Event) {
	request, err := cehttp.NewHTTPRequestFromEvents(ctx, url, events)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.StatusCode)
}

func main() {
	url, token, form := os.Getenv("URL"), "Bearer "+os.Getenv("TOKEN"), os.Getenv("FORM")
	var given []learningEvent
	if err := json.Unmarshal([]byte(os.Getenv("EVENTS")), &given); err != nil {
		log.Fatal(err)
	}
	ctx := cloudevents.ContextWithTarget(context.Background(), url)
	var events []cloudevents.Event
	for _, one := range given {
		events = append(events, made(one))
	}
	if form == "batch" {
		sendBatch(ctx, url, token, events)
		return
	}
	client, err := cloudevents.NewClientHTTP(cehttp.WithHeader("Authorization", token))
	if err != nil {
		log.Fatal(err)
	}
	mode := map[string]func(context.Context) context.Context{
		"binary":     cloudevents.WithEncodingBinary,
		"structured": cloudevents.WithEncodingStructured,
	}[form]
	for _, event := range events {
		var result *cehttp.Result
		if !cloudevents.ResultAs(client.Send(mode(ctx), event), &result) {
			log.Fatal("no response")
		}
		fmt.Println(result.StatusCode)
	}
}
