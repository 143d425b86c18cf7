// Command zipsink takes spans in Zipkin's JSON (v2) on a port of loopback, decodes them with openzipkin's own model, and shows what it read.
//
// Its argument is the address to listen on. POST /api/v2/spans answers 202, or 400 with what is wrong; GET /test/spans has all spans so far.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/openzipkin/zipkin-go/model"
)

var kinds = map[model.Kind]bool{
	model.Undetermined: true, model.Client: true, model.Server: true, model.Producer: true, model.Consumer: true,
}

// read decodes spans, and refuses what the model lets pass and Zipkin's API does not allow.
func read(body io.Reader) (spans []model.SpanModel, err error) {
	if err = json.NewDecoder(body).Decode(&spans); err != nil {
		return nil, err
	}
	for _, span := range spans {
		if span.TraceID.Empty() {
			return nil, fmt.Errorf("span %s has no traceId", span.ID)
		}
		if !kinds[span.Kind] {
			return nil, fmt.Errorf("span %s is of kind %q", span.ID, span.Kind)
		}
	}
	return spans, nil
}

func main() {
	var lock sync.Mutex
	all := []model.SpanModel{}
	http.HandleFunc("/api/v2/spans", func(answer http.ResponseWriter, request *http.Request) {
		spans, err := read(request.Body)
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		lock.Lock()
		defer lock.Unlock()
		all = append(all, spans...)
		answer.WriteHeader(http.StatusAccepted)
	})
	http.HandleFunc("/test/spans", func(answer http.ResponseWriter, request *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		if err := json.NewEncoder(answer).Encode(all); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
