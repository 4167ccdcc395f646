"""What people teach the taggers."""
from flask import Response

from imagesearch.errors import Invalid
from imagesearch.index.words import key
from imagesearch.web import schemas
from imagesearch.web.json_body import body
from imagesearch.web.lifecycle import services
from imagesearch.web.openapi import TEACHING, answers, blueprint, json_body, refusals

api = blueprint("teaching", TEACHING)


@api.post("/images/<id>/feedback", openapi_extensions=json_body(schemas.Feedback), responses={
    **answers(schemas.Lessons, {200: "Learnt: the image as it is now, the lessons, and what each changed."}),
    **refusals(404, 413, 415, 422)})
def give_feedback(path: schemas.ImagePath) -> Response:
    """Say which tags are right

    `{"tag": "dog", "correct": true}` accepts or rejects one tag; `{"add": ["puppy"], "remove": ["cat"]}` does several
    at once, and `add` may name a tag nobody has used yet: it is learnt from this one picture. A rejected tag teaches
    too.
    All images are judged anew by what was learnt before the answer is sent; tags that people gave or rejected stay.
    Each lesson can be taken back with `DELETE /lessons/ID`.
    """
    feedback = schemas.Feedback.model_validate(body("application/json"))
    right, wrong = feedback.tags()
    teaching = services().teaching
    unknown = [tag for tag in feedback.must_be_known() if not teaching.knows(path.id, tag)]
    if unknown:
        raise Invalid(f"{unknown[0]!r} is on no image and no tagger knows it; `add` teaches a new tag",
                      "tag" if unknown[0] == feedback.tag else "remove")
    if both := {key(tag) for tag in right} & {key(tag) for tag in wrong}:
        raise Invalid(f"{sorted(both)[0]!r} is to be added and removed; decide for one", "add")
    return schemas.Lessons.of(teaching.teach(path.id, right, wrong)).response()


@api.get("/images/<id>/tags/suggested", responses={
    **answers(schemas.SuggestedTags, {200: "The likeliest first."}), **refusals(404, 422)})
def suggest_tags(path: schemas.ImagePath) -> Response:
    """What the taggers would say now

    Up to ten, without those that a person has given or rejected.
    """
    return schemas.SuggestedTags(tags=[schemas.SuggestedTag(name=s.name, confidence=s.confidence)
                                       for s in services().teaching.suggestions(path.id)]).response()


@api.get("/lessons", responses={
    **answers(schemas.LessonList, {200: "The lessons that stand, the newest first."}), **refusals(404, 422)})
def list_lessons(query: schemas.LessonQuery) -> Response:
    """What was taught"""
    rows = services().teaching.lessons(query.limit, query.below, query.image)
    return schemas.LessonList(lessons=[schemas.Lesson.of(lesson, image_id) for lesson, image_id in rows]).response()


@api.delete("/lessons/<lesson>", responses={
    **answers(schemas.Lessons, {200: "Taken back; what that changed."}), **refusals(404, 422)})
def undo_lesson(path: schemas.LessonPath) -> Response:
    """Take a lesson back

    The image gets the tag, or loses it, as before, and so does every other that followed.
    """
    return schemas.Lessons.of(services().teaching.undo(path.lesson)).response()
