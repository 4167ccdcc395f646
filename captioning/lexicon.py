"""The words of image captions: a small hand-sorted lexicon of English.

Which words to list was found by counting the training captions of Flickr8k (words seen five times or more); their
classes and everything else were written by hand. No caption is stored here. Words that are missing are guessed from
their ending and place by `captioning.speech`.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A caption's colour word → its colour: only spellings and "-ish" are folded; "gold" stays what it is.
COLOURS = {
    name: name
    for name in _words(
        """black white grey red orange yellow green blue turquoise purple pink brown tan beige cream gold silver maroon
    crimson scarlet burgundy olive khaki lime navy aqua teal cyan violet lavender lilac magenta fuchsia"""
    )
} | {
    "gray": "grey", "greyish": "grey", "grayish": "grey", "blackish": "black", "whitish": "white", "reddish": "red",
    "yellowish": "yellow", "greenish": "green", "bluish": "blue", "brownish": "brown", "pinkish": "pink",
    "silvery": "silver",
}  # fmt: skip
# Colour words that name a thing when no noun follows: "an orange", "some cream", "the olive".
COLOUR_NOUNS = _words("orange cream gold silver olive lime violet navy tan lavender")

DETERMINERS = _words(
    """a an the this these those some any each every both all another either neither several many few more most his her
    its their your my our whose one two three four five six seven eight nine ten eleven twelve dozen dozens
    multiple numerous various other no half"""
)
NUMERALS = _words(
    "two three four five six seven eight nine ten eleven twelve dozen several many few multiple numerous both"
)
PRONOUNS = _words("he she they it i we you one others other another themselves himself herself itself")
# Stand for the subject before a participle: "each wearing a hat".
FLOATING = _words("each both all one another some")
OBJECT_PRONOUNS = _words("him her them me us themselves himself herself itself others")
PERSON_PRONOUNS = _words("someone somebody everyone everybody anyone anybody")
RELATIVES = _words("who which that whom")
SUBORDINATORS = _words("while as when whilst because if so until before after where whist")
CONJUNCTIONS = _words("and or & but nd plus then")
PREPOSITIONS = _words(
    """in on at of with by from to into onto over under through across near along behind beside besides between above
    below inside outside around against towards toward for up down off out about during without within beneath
    underneath alongside among amongst amid amidst past atop upon beyond throughout via like next opposite
    aboard than despite except per"""
)
BE = _words("is are was were be been being am 's 're")
HAVE = _words("has have had having")
DO = _words("do does did doing done")
MODALS = _words("will would can could may might must shall should")
NEGATIONS = _words("not never n't cannot isn't aren't doesn't don't wasn't")
ADVERBS = _words(
    """together away very too also just up down off out back ahead forward forwards backward backwards sideways upside
    there here nearby else still only even almost all about around along apart sideways upwards downwards mostly
    happily quickly slightly partially partly brightly playfully intently downhill uphill outdoors indoors
    outside inside overhead underwater midair mid-air mid-flight mid-jump again already always ever maybe
    perhaps fully well so far close fast low high straight home somewhere everywhere anywhere onwards once twice
    how late astride headfirst head-first somehow sometimes"""
)
ADJECTIVES = _words(
    """young little small old older elderly large big huge giant tiny long short tall high low wide narrow deep shallow
    dark light bright pale dim dull shiny sunny cloudy rainy snowy icy muddy sandy dusty dirty clean wet dry
    grassy rocky leafy hilly watery bushy woody mossy weedy stony bumpy choppy foamy wooden empty full open
    closed busy crowded quiet calm happy sad angry excited serious silly funny cute pretty beautiful nice good
    bad great fancy formal casual traditional colorful colourful bright-colored multicolored multi-colored
    multicolor multi-coloured tri-colored striped plaid checkered spotted patterned floral flowered dotted
    camouflage solid plain shaggy fluffy furry hairy curly bald bearded blond blonde brunette redheaded
    shirtless barefoot topless naked nude bare female male adult teenage asian african indian chinese japanese
    european oriental american african-american mexican eastern western middle-aged aged chubby fat skinny thin
    muscular strong heavy soft hard rough smooth sharp loose tight different same similar identical matching
    single double triple first second third last final own whole entire real fake stuffed inflatable electric
    electronic professional amateur public private local urban rural suburban outdoor indoor outdoors olympic
    athletic military religious martial tropical wild wooded paved hooded sleeveless transparent clear blurry
    hazy foggy misty stormy windy hot cold warm cool frozen fresh ripe raw fallen broken torn worn rusty ancient
    modern new antique classic vintage elaborate decorative ornate unusual strange odd weird scary evil special
    certain main lone alone asleep awake alive dead upright upside-down horizontal vertical flat steep round
    circular square rectangular triangular curved crooked pointy pointed light-colored dark-colored golden
    blackish stray homeless pregnant injured hurt sick tired sleepy hungry thirsty drunk shy proud brave crazy
    wacky goofy messy lush overgrown bushy barren rugged jagged mountainous scenic distant nearby far close left
    right upper lower inner outer front-facing mid-sized medium medium-sized oversized overweight miniature mini
    tree-lined snow-covered long-haired short-haired dark-haired dark-skinned light-skinned three-wheeled
    off-road open-air open-mouthed lit sunlit backlit seated ready able unable busy free ready available such
    less enough enormous massive gigantic lovely cheerful intense extreme aerial acrobatic physical public
    makeshift murky skimpy sheer lacy frilly baggy fuzzy hispanic caucasian latino french german british russian
    medieval victorian tribal native festive ceremonial uniformed costumed masked muzzled leashed tattooed
    pierced bundled handmade homemade shaped sized colored coloured haired clad ridden packed involved
    electrical industrial commercial residential bridal floppy scruffy slippery playful curious intricate hudge
    lots mere opposing oncoming incoming several balding uneven abandoned outstretched crossed overhead disabled
    handicapped blind deaf dappled speckled brindle merle ill hind airborne stray rear"""
)

# Verbs by their base; the forms are built from these.
_VERBS = _words(
    """speed run stand play jump sit walk ride wear hold look climb smile pose swim lay perform watch take chase try
    leap talk make fly slide pull throw hang fight splash drive go fall come get skateboard bite wait ski lie
    push use attempt blow lean catch dig skate laugh wade hug kick sleep dive shake stare smoke pass help hike
    lick kiss chew roll paddle wrestle rest rollerblade compete read prepare tackle kneel grind shoot put bounce
    sniff pet practice bend pick give crouch turn shovel enjoy land jog wakeboard gather reach float touch move
    hit pour toss travel spin speak raise leave sing follow interact bark write backpack bound listen descend
    trot flip glide draw carve retrieve fetch tug waterski rollerskate tumble feed star defend begin start grab
    embrace dunk poke bring abseil repel rappel ask gnaw cry stretch chat juggle fence dribble drag peek operate
    relax adjust observe cycle scratch parasail shop ascend happen create reflect squat assist sail wash open
    burn yell smell overlook hurry drift nibble lift rummage grin pounce flail search fix clear suck spread skip
    sell crawl remove growl grapple windsurf zoom squeeze approach strike raft pretend participate clap prance
    enter struggle trek lounge cut twist lead examine emerge scramble rub advertise beg navigate carry eat dance
    celebrate let see say show stop keep want like seem appear become hear feel think know meet chase rush cast
    hide lunge soar dangle teach sway wander strum shout scream whisper cheer applaud gaze glance wink wave
    bathe exercise meditate pray collide crash erect paint cook bake grill serve sip gulp drink chop slice peel
    knit sew iron sweep mop vacuum clean wipe rinse polish pause line include contain build hammer weld saw
    repair assemble load unload deliver buy pay browse study explore discuss argue inspect point decorate
    arrange stack balance steady brace lasso gallop canter graze nuzzle lap pant howl hover circle flutter perch
    peck roost swoop dart sprint race stroll stride march strut saunter limp stumble trip slip skid swerve steer
    tow pedal row canoe kayak snorkel snowboard sled surf bodyboard bodysurf kiteboard kitesurf somersault
    cartwheel backflip flex bowl pitch bat swing serve putt golf score dodge duck block grasp grip clutch cling
    cuddle snuggle cradle comfort console tickle tease spar box punch slap lash whip aim fire tattoo shave brush
    comb braid groom undress crumble collapse burst explode erupt melt drip leak flow gush shine glow sparkle
    flash flicker billow rise sink drop lower dry soak drench spray squirt sprinkle launch hurl fling pitch lob
    snatch steal tear rip shred crush smash break scoop fill plant harvest mow rake dump spill cross face leave
    videotape photograph film record snap scale hop twirl rotate swirl spiral wind lurch plunge dip submerge
    cover surround protect guard pin trap escape flee avoid greet nap doze snooze snore yawn sneeze cough spit
    vomit admire appreciate await welcome guide escort accompany join visit attend toboggan rejoice socialize
    mingle converse gesture salute bow curtsy huddle cluster stroke scrape scrub paw claw maul attack bare snarl
    hunt stalk track prowl forage attach connect tie untie wrap unwrap pack unpack fold unfold set work live
    need learn train coach instruct direct demonstrate present display exhibit model strap buckle zip button
    lace tighten loosen inflate pump mix stir scatter blast dangle haul hoist heave maneuver manoeuvre bike camp
    fish ice-skate skydive parachute bungee sunbathe text type dial call return head oppose contemplate straddle
    seat sprawl stoop hunch tiptoe shuffle skitter scurry frolic romp cavort tussle scuffle battle roughhouse
    bump nudge bang knock jab spear thrust stomp trample tread step"""
)
# Verbs that are also nouns, and rather that when the sentence allows both.
NOUN_FIRST = _words(
    """stick dress park water fish board top face hand back head rock place picture photo camera ring light bike skate
    ski train box bat bowl golf paint stack line circle track raft canoe kayak sled row brush whip tattoo iron
    saw plant rake dust film record model pump button lace pin trap guard tan camp text type pack lap paw claw
    block duck star fence fire land cover score bow button seat bridge swing book sign drink march trip slip
    drip load exhibit display present battle work tear exercise shop sail fall surf wave race race photograph
    parachute barrel step smile look coach cast cut dip wind launch study dance hammer trick hose crowd frame
    cloud hook pass pet race balance bend bark bite bottle spray show shake start splash use rest roll throw
    kiss drive flip float cross blast stroke stroll hike flash punch crash lounge point return move call bare
    cheer ride run walk jump play watch leap climb slide catch pull help turn hit spin reach dive kick"""
)
VERBS = _VERBS | NOUN_FIRST
IRREGULAR_VERBS = {
    "ran": "run", "sat": "sit", "stood": "stand", "held": "hold", "wore": "wear", "worn": "wear", "rode": "ride",
    "ridden": "ride", "took": "take", "taken": "take", "flew": "fly", "flown": "fly", "threw": "throw",
    "thrown": "throw", "fought": "fight", "drove": "drive", "driven": "drive", "went": "go", "gone": "go",
    "fell": "fall", "came": "come", "got": "get", "gotten": "get", "bit": "bite", "bitten": "bite", "lain": "lie",
    "laid": "lay", "blew": "blow", "blown": "blow", "leapt": "leap", "leant": "lean", "caught": "catch", "dug": "dig",
    "swam": "swim", "swum": "swim", "slept": "sleep", "dove": "dive", "shook": "shake", "shaken": "shake",
    "knelt": "kneel", "ground": "grind", "shot": "shoot", "bent": "bend", "gave": "give", "given": "give",
    "spun": "spin", "spoke": "speak", "spoken": "speak", "left": "leave", "sang": "sing", "sung": "sing",
    "wrote": "write", "written": "write", "drew": "draw", "drawn": "draw", "fed": "feed", "began": "begin",
    "begun": "begin", "brought": "bring", "stuck": "stick", "struck": "strike", "sold": "sell", "crept": "creep",
    "led": "lead", "ate": "eat", "eaten": "eat", "saw": "see", "seen": "see", "said": "say", "shown": "show",
    "kept": "keep", "became": "become", "heard": "hear", "felt": "feel", "thought": "think", "knew": "know",
    "met": "meet", "hid": "hide", "hidden": "hide", "taught": "teach", "drank": "drink", "drunk": "drink",
    "built": "build", "bought": "buy", "paid": "pay", "strode": "stride", "swept": "sweep", "swung": "swing",
    "clung": "cling", "broke": "break", "broken": "break", "stole": "steal", "tore": "tear", "torn": "tear",
    "rose": "rise", "risen": "rise", "sank": "sink", "made": "make", "hung": "hang", "lit": "light", "lying": "lie",
    "dying": "die", "tying": "tie", "wound": "wind", "fled": "flee", "spat": "spit", "flung": "fling", "shone": "shine",
    "surfs": "surf", "tries": "try", "seated": "sit", "laying": "lie", "skiing": "ski", "skies": "ski",
    "starring": "stare", "ridding": "ride", "dyeing": "dye",
} # fmt: skip
# Forms that cannot be a simple past: after a noun they are passive ("a ball thrown to a dog").
PURE_PARTICIPLES = _words(
    """worn ridden taken thrown driven gone blown shaken given spoken sung written drawn eaten seen shown hidden drunk
    broken torn risen made built held stuck caught fed lit left hung bought taught laid bitten flown done"""
)
# Participles that tell a posture and so an action of the one described: "a crowd gathered around a fire".
POSTURES = _words("sit gather crouch perch huddle kneel lean squat pose sprawl hunch stoop bend")
# -ed forms of these need no object, so after a noun they are the past tense: "a dog jumped over a log".
INTRANSITIVE = _words(
    """run jump walk sit stand look stare smile laugh swim leap climb play talk wait go come fall fly gallop bark skate
    ski surf dance race sleep rest gaze travel land compete perform relax wander sail sprint stroll march hop
    crawl dive jog hike wade trot soar work live stop exercise lie hover float drift pause snap grin yawn pose
    crouch kneel bounce splash wave"""
)
# Their -ing form before a thing tells its purpose, not an action: "swimming pool", "climbing wall", "fishing rod".
PURPOSES = _words(
    """swim shop run climb fish ride park skate wash dine sleep walk bathe dive box race wrestle hike ski jog row wait
    dance cut live hunt land punch bowl train sport camp cook drink play sail surf bike sit change bat drive sew
    rock steer load build sled sing paddle roll kayak raft fence boat read write draw paint shoot work jump
    skateboard snowboard golf toss feed look pitch knit vend bowl polish measure merge mow weight greet parade"""
)
# Verbs whose object may be followed by a bare verb of its own: "watches a dog jump".
PERCEPTION = _words("watch see help let make hear")
# What "to" and a verb may follow though the verb is a noun as well: "about to jump", "tries to surf".
BEFORE_INFINITIVE = _words(
    "about ready able go try attempt start begin want wait prepare appear seem like get use have continue learn set"
)
# First parts of joined nouns that look like a subject and its verb: "carnival ride", "water slide", "bike race".
COMPOUNDING = _words(
    """carnival fairground amusement water bike swing car train boat roller coaster pony truck park theme dance skate
    ski foot motorcycle bicycle playground pool baseball basketball football tennis soccer hockey golf puppet
    light air school obstacle canoe sled ice sand wood metal"""
)
# "ice skating", "rock climbing": the first noun names the kind of deed, it is no thing in the picture.
DEED_KINDS = {
    "ice": {"skate", "fish", "climb"}, "rock": {"climb"}, "horseback": {"ride"}, "horse": {"ride"}, "bike": {"ride"},
    "mountain": {"bike", "climb"}, "dirt": {"bike"}, "snow": {"board", "ski", "shoe"}, "water": {"ski", "raft"},
    "wind": {"surf"}, "roller": {"skate", "blade"}, "bungee": {"jump"}, "scuba": {"dive"}, "country": {"ski"},
    "hang": {"glide"}, "para": {"sail"}, "sky": {"dive"}, "fly": {"fish"}, "body": {"surf"}, "skate": {"board"},
    "inline": {"skate"}, "whitewater": {"raft"}, "belly": {"dance"}, "wake": {"board"}, "kite": {"surf", "board"},
    "boogie": {"board"}, "arm": {"wrestle"}, "crowd": {"surf"}, "base": {"jump"}, "downhill": {"ski"},
    "pole": {"vault"},
} # fmt: skip

# -ing words that are nouns, the last ones also verbs ("the building", "is building").
ING_NOUNS = _words(
    """clothing railing ceiling string ring wing king wedding morning evening thing something nothing anything
    everything spring awning earring piercing sling lightning sibling duckling sapling dumpling outcropping
    sterling herring pudding building painting drawing landing crossing swing setting opening meeting parking
    lighting sing"""
)
# Quantities: "a group of people" is people.
QUANTITIES = _words(
    """group pair bunch lot lots number set piece pieces variety series dozen dozens part kind type sort hundreds
    thousands handful assortment couple trio plenty bit some groups pairs kinds types parts end side edge top
    bottom middle front back rear center centre corner body"""
)
# Groups that are something to see themselves: "a crowd of people" is both.
COLLECTIVES = _words("crowd flock herd team pack family class crew band pile army audience row line")
# What is told of place, time, number or deed rather than shown.
UNSEEN = _words(
    """front back top bottom left right middle center centre side edge end rear background foreground distance air
    midair mid-air way direction position place spot view part lot number group pair bunch kind type sort
    variety series set time night evening morning afternoon day noon dusk dawn moment summer winter autumn
    spring fall season year something somthing nothing anything everything thing trick stunt jump leap flip dive
    action motion move turn run walk midst process attempt try fun joy rest height speed order preparation case
    use look lots piece bit dozen hundred thousand half mid-flight other one rest unison else help pose breath
    focus closeup close-up victory closeups view match"""
)
# Unseen alone, but things when joined to another noun: "tank top", "parking lot".
SEEN_IN_COMPOUNDS = _words("top side edge place spot center centre set lot piece back")

PEOPLE = _words(
    """man woman boy girl child kid baby toddler infant person guy lady gentleman adult teenager teen youth youngster
    male female people couple family crowd audience team mother father mom dad parent son daughter brother
    sister grandmother grandfather friend group bride groom soldier police policeman fireman cop officer athlete
    artist musician band student teacher tourist pedestrian spectator cowboy cowgirl clown santa child chef cook
    doctor nurse monk priest king queen someone goalie quarterback referee umpire cyclist guitarist violinist
    pianist motorcyclist bicyclist crew class army parade choir gang spiderman batman superman pirate fisherman
    cameraman couple teammate opponent toddler newborn human individual member owner fellow guest jockey star
    hero blonde brunette model guide vendor passenger player"""
)
ANIMALS = _words(
    """dog puppy cat kitten horse pony cow bull sheep goat bird duck goose swan seagull pigeon eagle parrot chicken
    rooster fish dolphin whale shark seal turtle frog snake lizard monkey elephant camel giraffe zebra lion
    tiger bear deer fox wolf rabbit bunny squirrel mouse rat bee butterfly insect spider animal pet greyhound
    poodle terrier retriever collie labrador lab bulldog pitbull dalmatian doberman beagle husky pug chihuahua
    hound mutt rottweiler corgi dachshund shepherd pelican penguin owl donkey llama pig hamster hedgehog crab
    jellyfish kangaroo boxer setter pointer spaniel creature canine feline ox"""
)
# Things that act of themselves in captions, and what they do.
MOVING_THINGS = _words(
    """wave water snow rain smoke fire flag car truck train boat bus bike motorcycle leaf sign light hair ball plane
    airplane helicopter ship jet jeep van sailboat vehicle kite balloon wind dust dirt sand cloud sun shirt
    t-shirt banner tree waterfall fountain river stream flame spark bubble firework mud wheel curtain room
    building"""
)
DEEDS_OF_THINGS = _words(
    """crash fall blow fly spray flow shine burn come go rise drive float say read wave melt splash drip overlook pass
    move roll bounce spin glow drift billow erupt gush sparkle sink collapse crumble surround cover tower loom
    race speed travel explode sail shoot pour land rush"""
)
INANIMATE_ER = _words(
    """water river sweater computer flower paper counter corner container stroller sprinkler trailer roller banner
    poster tower border barrier lighter scooter boulder shoulder finger ladder soccer leather weather feather
    shower shutter glacier pier timber gutter bumper diaper burger cover number center theater summer winter
    powder helicopter blazer layer meter propeller tractor motor motor color mirror floor door jumper slipper
    sneaker loafer pitcher server rubber silver rafter matter chamber fiber lumber letter butter cooler planter
    heater toaster mixer hamburger razor elevator escalator calculator projector monitor sensor roller-coaster
    coaster bladder gear planer flyer flier stretcher bleacher speaker drawer dresser freezer pepper ginger
    cucumber sparkler wrapper trigger zipper marker paper newspaper skyscraper wallpaper sandpaper character
    litter gutter quarter wheeler cruiser digger chandelier locker order odor interior exterior anchor harbor
    armor razor tumor ladder rudder dinner supper super fender finder founder sprinkler blinder corridor liquor
    vapor manor cheer steer headscarf hair"""
)
NOUNS = _words(
    """beach ball grass snow camera street mouth shirt jacket hat soccer wall football tree baseball toy road hill car
    skateboard helmet ocean bench bicycle sidewalk ground basketball frisbee lake ramp path boat coat rope
    uniform motorcycle sunglasses suit sign table cliff ice yard rider hockey surfer backpack brick collar
    forest fountain night surfboard guitar pole arm shore bed trail window leash course bridge plastic stone bag
    floor bar concrete trampoline sled room costume tongue chair obstacle lawn mud metal jersey store metal rail
    train cellphone umbrella nose vest puddle hurdle stream snowboard pond food tank tennis wetsuit tire truck
    equipment slope flag court vehicle harness couch mask skirt dock structure waterfall subway cement cigarette
    restaurant cart tent sweatshirt scarf goal tunnel goggles wheel canoe blanket wood leather backyard garden
    beard surface event volleyball microphone door statue bikini party rugby scooter graffiti net leg phone log
    bride cup racetrack competition rodeo swimsuit branch tube gym mohawk hoop hole bucket platform cream
    headband gravel unicycle shoulder mountain mountainside hillside field sand dirt sky sea house home city
    town tub shoe boot glove sock pants shorts jeans glasses hair eye ear tail paw neck foot leg hand head face
    finger knee hip chest back teeth tooth racket racquet club stadium crowd audience market shop airport
    station school church hall kitchen bathroom bedroom hospital office museum theater zoo farm barn rink pool
    playground sprinkler hose snowball snowman disc tug war rink cave canyon desert valley jungle woods wood
    swing slide seesaw carousel carnival festival parade concert wedding ceremony birthday cake pizza sandwich
    bread apple banana fruit vegetable meat hotdog hamburger ice-cream icecream juice coffee tea beer wine soda
    bottle bowl plate knife fork spoon napkin newspaper magazine book laptop computer tv television radio piano
    drum violin fiddle flute trumpet accordion tuba cello stage curtain carpet rug pillow mattress sofa desk
    lamp clock shelf cabinet stove oven refrigerator sink bathtub toilet towel soap toothbrush flower plant bush
    leaf weed hedge vine corn pumpkin ladder staircase stairs step escalator elevator balcony porch deck patio
    roof chimney fireplace gate fence barrier pillar column arch tower skyscraper monument fort castle tent
    igloo hut shed garage driveway alley lane highway curb crosswalk intersection traffic light pedestrian
    sunset sunrise sun moon star cloud rainbow fog horizon reflection shadow silhouette mountain peak summit
    glacier iceberg volcano island peninsula coast coastline shoreline pier harbor marina canal creek river
    brook swamp marsh dune boulder pebble cobblestone asphalt pavement tile marble glass mirror paper cardboard
    cloth fabric denim lace silk fur feather wool rubber foam steel iron wire cable chain rope string ribbon
    thread bow necklace bracelet earrings ring watch wallet purse handbag luggage suitcase stroller carriage
    wagon wheelchair sleigh jeep van bus taxi ambulance firetruck tractor bulldozer crane airplane plane jet
    helicopter rocket balloon parachute kite glider raft kayak canoe rowboat sailboat yacht ferry ship jetski
    innertube floaties lifejacket life fins snorkel wetsuit t-shirt tshirt sweater hoodie blouse tie tuxedo gown
    robe kimono kilt apron cape cap beanie bandanna bandana headscarf turban crown tiara wig mustache moustache
    makeup tattoo ponytail pigtails dreadlocks braid armor sword gun rifle bow arrow knife axe hammer shovel
    rake broom mop chainsaw tights leotard tutu overalls pajamas underwear trunks diaper bib pacifier crib doll
    teddy puppet lego block puzzle game chess domino dart billiards croquet cricket polo lacrosse badminton
    karate wrestling boxing gymnastics yoga ballet handstand cartwheel somersault wheelie obstacle agility
    finish line medal trophy ribbon scoreboard telescope binoculars photograph picture painting drawing mural
    poster billboard advertisement sign banner cover barrel bin trash trashcan garbage basket crate box pallet
    log stump stick twig branch bark pine palm daughter bird feeder cage kennel doghouse stable saddle reins
    bridle hay straw carrot bone treat bowl muzzle harness leash vest outfit clothes clothing attire garb dress
    gear outfit tunic pole scarf area terrain landscape park zone city mall arena track field ring court course
    pit half-pipe halfpipe rim hoop backboard merry-go-round roller coaster ferris tug-of-war hide seek tag
    hopscotch jumprope barbecue grill campfire bonfire fireworks sparkler candle lantern torch flame smoke steam
    bubble suds lotion sunscreen umbrella parasol tarp canopy hammock chaise lounge stool rocker recliner
    highchair booster playpen playhouse treehouse sandbox teeter totter jungle gym racer brunette pigeon tug
    sheet drink camera video band spotlight bite sport spray lollipop"""
)

IRREGULAR_NOUNS = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "persons": "person", "feet": "foot",
    "teeth": "tooth", "geese": "goose", "mice": "mouse", "leaves": "leaf", "knives": "knife", "wolves": "wolf",
    "loaves": "loaf", "shelves": "shelf", "scarves": "scarf", "calves": "calf", "hooves": "hoof", "halves": "half",
    "wives": "wife", "policemen": "policeman", "firemen": "fireman", "fishermen": "fisherman", "oxen": "ox",
    "gentlemen": "gentleman", "buses": "bus", "gases": "gas", "tomatoes": "tomato", "potatoes": "potato",
    "canoes": "canoe", "shoes": "shoe", "toes": "toe", "movies": "movie", "cookies": "cookie", "ties": "tie",
    "collies": "collie", "hoodies": "hoodie", "zombies": "zombie", "selfies": "selfie", "beanies": "beanie",
    "goalies": "goalie", "axes": "axe", "horses": "horse", "houses": "house", "noses": "nose", "purses": "purse",
    "hoses": "hose", "roses": "rose", "vases": "vase", "bases": "base", "blouses": "blouse", "nurses": "nurse",
    "pies": "pie", "snowmen": "snowman", "cowboys": "cowboy", "bikinis": "bikini", "skis": "ski", "taxis": "taxi",
    "someone": "person", "somebody": "person", "everyone": "person", "everybody": "person", "anyone": "person",
    "anybody": "person", "caches": "cache", "mustaches": "mustache", "moustaches": "moustache", "headaches": "headache",
    "sneezes": "sneeze", "breezes": "breeze", "mazes": "maze", "mazy": "maze", "prizes": "prize", "sizes": "size",
} # fmt: skip
PLURAL_ONLY = _words(
    """jeans pants shorts trousers glasses sunglasses eyeglasses goggles tights trunks overalls pajamas clothes woods
    scissors binoculars stairs reins floaties billiards gymnastics fireworks suds headphones leggings khakis
    slacks christmas tennis bus gas grass dress cross class mattress harness police fitness canvas cactus
    octopus lens walrus species series chess lacrosse process wilderness santas sheep deer fish moss glass
    princess waitress actress hostess cutlass abyss moose press boss compass circus crocus campus virus iris
    basis stairs"""
)
# The parts named by "-ed": "brown-haired" colours hair, "red-shirted" a shirt.
PARTS = {
    "haired": "hair", "eyed": "eye", "shirted": "shirt", "faced": "face", "capped": "cap", "coated": "coat",
    "bearded": "beard", "nosed": "nose", "tailed": "tail", "footed": "foot", "legged": "leg", "headed": "head",
    "pawed": "paw", "eared": "ear", "feathered": "feather", "leafed": "leaf", "roofed": "roof", "jacketed": "jacket",
    "winged": "wing", "beaked": "beak", "breasted": "breast", "necked": "neck", "hatted": "hat", "suited": "suit",
} # fmt: skip
