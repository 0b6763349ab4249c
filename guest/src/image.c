#include <errno.h>
#include <string.h>
#include "image.h"
#include "io.h"
#include "layers.h"
#include "upstream.h"

int image_ask(const char *reference, struct err *e)
{
	struct jsonw params = {0};
	int fd;

	jsonw_object(&params, NULL);
	jsonw_string(&params, "ref", reference);
	jsonw_end_object(&params);
	fd = params.failed ? err_set(e, 125, "out of memory") : upstream_send("image.get", params.data, e);
	jsonw_free(&params);
	return fd;
}

int image_answer(int ask, const char *reference, struct image *image, struct err *e)
{
	char code[32], hex[65];

	*image = (struct image){0};
	const struct json *found = upstream_receive(ask, "image.get", &upstream_patience, &image->document, code, e);

	if (!found) {
		e->sys = strcmp(code, "not-found") == 0 ? ENOENT : 0;
		return -1;
	}
	image->id = json_string(found, "id", "");
	image->config = json_get(found, "config");
	image->layers = json_get(found, "layers");
	if (layer_hex(image->id, hex, NULL) < 0 || !image->layers || image->layers->kind != JSON_ARRAY ||
	    image->layers->length == 0 || image->layers->length > LAYERS_MAX) {
		image_free(image);
		return err_set(e, 125, "image %s is described badly: no id, no layers or more than %d", reference, LAYERS_MAX);
	}
	json_each(layer, image->layers) {
		if (layer_hex(json_string(layer, "diffId", ""), hex, e) < 0) {
			image_free(image);
			return -1;
		}
	}
	return 0;
}

void image_free(struct image *image)
{
	json_free(image->document);
	*image = (struct image){0};
}

int image_attach(const struct image *image, int level, struct err *e)
{
	struct jsonw w = {0};
	struct json *document = NULL;
	int ret = -1;

	jsonw_object(&w, NULL);
	jsonw_array(&w, "diffIds");
	json_each(layer, image->layers)
		jsonw_string(&w, NULL, json_string(layer, "diffId", ""));
	jsonw_end_array(&w);
	/* Our own level as we see it; every relay on the way up adds one. */
	jsonw_int(&w, "level", 0);
	jsonw_end_object(&w);
	if (w.failed) {
		err_set(e, 125, "out of memory");
	} else if (level > 0) {
		ret = upstream_ask("layer.attach", w.data, &upstream_patience, &document, NULL, e) ? 0 : -1;
		json_free(document);
	} else if ((document = json_parse(w.data, w.length, e))) {
		ret = layers_mount(json_get(document, "diffIds"), 0, e);
		json_free(document);
	}
	jsonw_free(&w);
	return ret;
}
